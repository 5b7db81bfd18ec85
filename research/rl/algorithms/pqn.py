"""Parallelised Q-learning (Gallici et al. 2024, arXiv 2407.04811): no replay, no target network.

Many environments are played for some steps by an ε-greedy policy. Then Q learns from all of these
steps, in minibatches, a few times over, and forgets them. What keeps it stable in place of a target
network is layer normalisation (theorem 2 of the paper); what makes it fast are returns over many
steps, Peng's Q(λ):

    R_t = r_t + γ [λ R_{t+1} + (1 - λ) max_a Q(s_{t+1}, a)],

from the rollout's last step back, by the parameters that played. They are the TD(λ) returns of
V(s) = max_a Q(s, a), so that ends, time limits and the end of the rollout are those of
`generalised_advantages`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from research.engine.experiment import Batch, Experiment, Hyperparameters, Key
from research.engine.groups import join, over_groups, split
from research.engine.metrics import Metrics, mean, merge
from research.rl.acting import make_acting
from research.rl.advantages import generalised_advantages
from research.rl.agent import reactive
from research.rl.descent import descend_over_groups
from research.rl.environments.environment import Environment
from research.rl.examples import finished
from research.rl.exploration import exploration_rate
from research.rl.minibatches import shuffled_minibatches, take
from research.rl.policy import memoryless
from research.rl.q_learner import EpsilonGreedy, QLearner
from research.rl.q_network import QNetwork, features
from research.rl.rollout import Episodes, Trajectory, collect, start


@dataclass(frozen=True)
class Sizes:
    """All that decides shapes and loops.

    Attributes:
        environments: environments that are stepped together.
        rollout_steps: steps in each of them between two updates.
        epochs: passes over a rollout.
        minibatch_size: examples in one gradient step; divides environments * rollout_steps.
        updates: rollouts in a whole run.
        units: units of each hidden layer.
        channels: of a convolution before them; 0 for none.
        layer_normalisation: whether hidden layers are normalised.
        groups: equal parts of the environments, and of each minibatch, which devices can share.
        anneal: whether the learning rate falls linearly to 0 over the run.
        evaluation_episodes: episodes of either kind in one evaluation.
    """

    environments: int
    rollout_steps: int
    epochs: int
    minibatch_size: int
    updates: int
    units: tuple[int, ...] = (64, 64)
    channels: int = 0
    layer_normalisation: bool = True
    groups: int = 1
    anneal: bool = True
    evaluation_episodes: int = 64


class PQNState(NamedTuple):
    """All that the next update depends on.

    Attributes:
        params: the network's parameters.
        opt_state: optax's state.
        episodes: the environments in mid-episode.
        updates: int32 scalar, updates made.
        hyperparameters: name -> float32 scalar.
    """

    params: Any
    opt_state: optax.OptState
    episodes: Episodes
    updates: jax.Array
    hyperparameters: Hyperparameters


class Valued(NamedTuple):
    """What the gradient steps learn from, leaves `[batch, ...]`.

    Attributes:
        observation: `[batch, *observation_shape]`.
        action: int32 `[batch]`, what was done.
        target: float32 `[batch]`, the return that Q should have told.
    """

    observation: jax.Array
    action: jax.Array
    target: jax.Array


def make_pqn(
    environment: Environment, sizes: Sizes, hyperparameters: Mapping[str, float]
) -> Experiment:
    """PQN in `environment`: one update is one rollout and all gradient steps on it.

    Args:
        environment: where; its actions are numbers.
        sizes: shapes and loops.
        hyperparameters: `learning_rate`, `discount`, `return_lambda`, `reward_scale`,
            `max_gradient_norm`; `epsilon` (the last) and `exploration_fraction` (of the run, until
            then).
    """
    network = QNetwork(
        environment.actions,
        sizes.units,
        channels=sizes.channels,
        layer_normalisation=sizes.layer_normalisation,
    )
    learner = QLearner(environment, network, double=False)

    def init(key: Key, hyperparameters: Hyperparameters) -> PQNState:
        params_key, environment_key = jax.random.split(key)
        episodes = start(environment, environment_key, sizes.environments)
        params = network.init(params_key, features(environment, episodes.observations[:1]))
        return PQNState(
            params=params,
            opt_state=_transformation(hyperparameters).init(params),
            episodes=episodes,
            updates=jnp.int32(0),
            hyperparameters=hyperparameters,
        )

    def update(state: PQNState, batch: Batch, key: Key) -> tuple[PQNState, Metrics]:
        del batch
        rollout_key, shuffle_key = jax.random.split(key)
        values = state.hyperparameters
        epsilon = exploration_rate(state.updates / sizes.updates, values)

        def play(episodes: Episodes, key: Key) -> tuple[Metrics, tuple[Episodes, Valued]]:
            episodes, trajectory = collect(
                environment,
                memoryless(lambda seen: learner.exploring(state.params, seen, values, epsilon)),
                episodes,
                key,
                sizes.rollout_steps,
            )
            examples = make_valued(learner, state.params, trajectory, values)
            return finished(trajectory), (episodes, examples)

        ended, (episodes, examples) = over_groups(
            play, sizes.groups, split(state.episodes, sizes.groups), rollout_key, merge
        )
        params, opt_state, learning = learn(learner, sizes, state, examples, shuffle_key)
        state = PQNState(params, opt_state, join(episodes), state.updates + 1, values)
        return state, learning | ended

    def acting(state: PQNState, observations: jax.Array) -> EpsilonGreedy:
        values = state.hyperparameters
        return learner.exploring(state.params, observations, values, values["epsilon"])

    return make_acting(
        reactive(environment, acting),
        init,
        update,
        updates=sizes.updates,
        items_per_update=sizes.environments * sizes.rollout_steps,
        evaluation_episodes=sizes.evaluation_episodes,
        hyperparameters=hyperparameters,
        groups=sizes.groups,
    )


def make_valued(
    learner: QLearner, params: Any, trajectory: Trajectory, values: Hyperparameters
) -> Valued:
    """Turns `[time, environments]` steps into examples, with the parameters that acted.

    Args:
        learner: what values actions.
        params: its parameters.
        trajectory: what happened.
        values: `discount`, `return_lambda` and `reward_scale`.

    Returns:
        Leaves `[time * environments, ...]`.

    Source: Gallici et al. 2024 (arXiv 2407.04811), algorithm 1; Peng & Williams 1996
        (doi 10.1007/BF00114731).
    """
    both = jnp.stack([trajectory.observation, trajectory.final_observation])
    value, final_value = jnp.max(learner.q_value(params, both, values), axis=-1)
    advantage = generalised_advantages(
        values["reward_scale"] * trajectory.reward,
        value,
        final_value,
        trajectory.terminated,
        trajectory.truncated,
        values["discount"],
        values["return_lambda"],
    )
    examples = Valued(trajectory.observation, trajectory.action, advantage + value)
    return jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), examples)


def pqn_loss(
    learner: QLearner, params: Any, examples: Valued, values: Hyperparameters
) -> tuple[jax.Array, dict[str, jax.Array]]:
    """Half the mean squared error of what was done, and float32 scalars by name.

    Args:
        learner: what values actions.
        params: its parameters.
        examples: leaves `[batch, ...]`.
        values: not looked at by a network of mean values.
    """
    q_value = learner.q_value(params, examples.observation, values)
    chosen = jnp.take_along_axis(q_value, examples.action[:, None], axis=-1)[:, 0]
    loss = jnp.mean(optax.losses.l2_loss(chosen, examples.target))
    return loss, {"loss": loss, "q_value": jnp.mean(chosen)}


def learn(
    learner: QLearner, sizes: Sizes, state: PQNState, examples: Valued, key: Key
) -> tuple[Any, optax.OptState, Metrics]:
    """All gradient steps on one rollout.

    Args:
        learner: what values actions.
        sizes: `epochs`, `minibatch_size`, `groups`, and what a rollout and a run are.
        state: whose parameters learn.
        examples: leaves `[groups, batch / groups, ...]`.
        key: for the order of the minibatches.

    Returns:
        Parameters, the optimiser's state, and means over all gradient steps.
    """
    values = state.hyperparameters
    left = 1.0 - state.updates / sizes.updates if sizes.anneal else jnp.float32(1.0)
    gradient_of = jax.grad(pqn_loss, argnums=1, has_aux=True)

    def one_minibatch(carry: tuple, chosen: jax.Array) -> tuple[tuple, dict[str, jax.Array]]:
        return descend_over_groups(
            lambda params, part: gradient_of(learner, params, part, values),
            _transformation(values),
            left * values["learning_rate"],
            sizes.groups,
            carry,
            take(examples, chosen),
            key,
        )

    batch = sizes.environments * sizes.rollout_steps
    chosen = shuffled_minibatches(key, batch, sizes.minibatch_size, sizes.epochs, sizes.groups)
    carry = (state.params, state.opt_state)
    (params, opt_state), parts = jax.lax.scan(one_minibatch, carry, chosen)
    return params, opt_state, {name: mean(told) for name, told in parts.items()}


def _transformation(values: Hyperparameters) -> optax.GradientTransformation:
    """Rectified Adam (Liu et al. 2020, arXiv 1908.03265), after clipping."""
    clip = optax.clip_by_global_norm(values["max_gradient_norm"])
    return optax.chain(clip, optax.scale_by_radam())
