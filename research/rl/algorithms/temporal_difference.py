"""TD(0): the values of a given policy, learned from single steps without a model."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from research.engine.experiment import Key
from research.rl import exploration
from research.rl.environments.environment import Environment, EnvironmentState


class Prediction(NamedTuple):
    """What is believed of a policy, in mid-episode.

    Attributes:
        value: float32 `[states]`.
        visits: int32 `[states]`, how often each was left.
        environment: the environment's state.
        observation: int32 scalar, where it is.
    """

    value: jax.Array
    visits: jax.Array
    environment: EnvironmentState
    observation: jax.Array


def start_prediction(environment: Environment, key: Key) -> Prediction:
    """All values 0, at the start of an episode.

    Raises:
        ValueError: the observations are not numbers of states.
    """
    if environment.states is None:
        raise ValueError(f"observations of {environment.name} are not numbers of states")
    inner, observation = environment.reset(key)
    value = jnp.zeros(environment.states, jnp.float32)
    return Prediction(value, jnp.zeros(environment.states, jnp.int32), inner, observation)


def td_zero(
    environment: Environment,
    policy: jax.Array,
    prediction: Prediction,
    key: Key,
    steps: int,
    discount: jax.Array | float,
    step_size: jax.Array | float,
    step_size_decay: jax.Array | float,
) -> Prediction:
    """`steps` steps of V(s) ← V(s) + α [r + γ V(s') - V(s)], with actions of the policy.

    Args:
        environment: to act in; it has `states`.
        policy: float32 `[states, actions]`, probabilities.
        prediction: what is believed so far.
        key: for actions and steps.
        steps: how many.
        discount: γ.
        step_size: α of the first visit of a state.
        step_size_decay: with n visits it is α / (1 + decay n).

    Source: Sutton 1988; Sutton & Barto 2018, eq. 6.2.
    """

    def learn(prediction: Prediction, key: Key) -> tuple[Prediction, None]:
        action_key, step_key = jax.random.split(key)
        here = prediction.observation
        action = jax.random.categorical(action_key, jnp.log(policy[here])).astype(jnp.int32)
        inner, outcome = environment.step(step_key, prediction.environment, action)
        ahead = jnp.where(outcome.terminated, 0.0, prediction.value[outcome.final_observation])
        error = outcome.reward + discount * ahead - prediction.value[here]
        rate = exploration.decay(step_size, step_size_decay, prediction.visits[here])
        return Prediction(
            prediction.value.at[here].add(rate * error),
            prediction.visits.at[here].add(1),
            inner,
            outcome.observation,
        ), None

    return jax.lax.scan(learn, prediction, jax.random.split(key, steps))[0]
