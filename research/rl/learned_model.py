"""A learned model of an environment, its examples and its loss over several imagined steps.

It predicts rewards, values and policies, no observations.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from research.engine.experiment import Hyperparameters
from research.rl.advantages import advantages_in
from research.rl.environments.interface import Environment
from research.rl.network import features
from research.rl.rollout import Trajectory


class Prediction(NamedTuple):
    """Latent states, real or imagined, and their predictions.

    Attributes:
        latent: float32 `[batch, latent_units]`, the states s; or a pytree of leaves `[batch, ...]`.
        logits: float32 `[batch, actions]`, a policy p.
        value: float32 `[batch]`, v.
    """

    latent: jax.Array
    logits: jax.Array
    value: jax.Array


class LearnedModel(nn.Module):
    """Representation h, dynamics g and prediction f, a hidden layer each.

    The hidden layer of the dynamics has weights of its own for each action. Where an
    action comes in as one more input, beside many, its effect in each state is hardly learned.

    Source: Schrittwieser et al. 2020 (arXiv 1911.08265), section 3 and appendix G.

    Attributes:
        actions: the number of actions.
        units: of each hidden layer.
        latent_units: the width of a latent state.
    """

    actions: int
    units: int
    latent_units: int

    def setup(self) -> None:
        """All layers; predictions are 0 at first, and every action alike."""
        self.represent_hidden = nn.Dense(self.units)
        self.represent_latent = nn.Dense(self.latent_units)
        self.imagine_hidden = nn.Dense(self.actions * self.units)
        self.imagine_latent = nn.Dense(self.latent_units)
        self.predict_hidden = nn.Dense(self.units)
        zeros = nn.initializers.zeros
        self.predict_reward = nn.Dense(1, kernel_init=zeros)
        self.predict_value = nn.Dense(1, kernel_init=zeros)
        self.predict_logits = nn.Dense(self.actions, kernel_init=zeros)

    def h(self, features: jax.Array) -> jax.Array:
        """Representation: the states s `[batch, latent_units]` of features `[batch, ...]`."""
        flat = features.reshape(features.shape[0], -1)
        return _scaled(self.represent_latent(nn.relu(self.represent_hidden(flat))))

    def g(self, latent: jax.Array, action: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Dynamics: the rewards r `[batch]` that actions should bring, and the states after."""
        every = self.imagine_hidden(latent).reshape(-1, self.actions, self.units)
        # A product: its gradient is one too, where indexing would scatter.
        chosen = jax.nn.one_hot(action, self.actions)
        hidden = nn.relu(jnp.einsum("ba,bau->bu", chosen, every))
        return self.predict_reward(hidden)[..., 0], _scaled(self.imagine_latent(hidden))

    def f(self, latent: jax.Array) -> Prediction:
        """Prediction: policies p and values v of states."""
        hidden = nn.relu(self.predict_hidden(latent))
        return Prediction(latent, self.predict_logits(hidden), self.predict_value(hidden)[..., 0])

    def initial_inference(self, features: jax.Array) -> Prediction:
        """f(h(observation))."""
        return self.f(self.h(features))

    def recurrent_inference(
        self, latent: jax.Array, action: jax.Array
    ) -> tuple[jax.Array, Prediction]:
        """Of (r, s') = g(s, a): r, and f(s')."""
        reward, latent = self.g(latent, action)
        return reward, self.f(latent)

    def __call__(self, features: jax.Array) -> tuple[jax.Array, Prediction]:
        """A step from observed states by action 0: every layer is used, and so is made."""
        latent = self.initial_inference(features).latent
        return self.recurrent_inference(latent, jnp.zeros(features.shape[0], jnp.int32))


def _scaled(latent: jax.Array) -> jax.Array:
    """Between 0 and 1, as actions are; Schrittwieser et al. 2020, appendix G."""
    low = jnp.min(latent, axis=-1, keepdims=True)
    high = jnp.max(latent, axis=-1, keepdims=True)
    return (latent - low) / (high - low + 1e-5)


class Unrolled(NamedTuple):
    """A state and what followed it for K steps; leaves `[batch, ...]`.

    Where the process has ended, an absorbing state follows: rewards and values of 0, and no policy
    to learn. After a time limit or the end of the rollout nothing is known, and nothing weighs.

    Attributes:
        observation: `[batch, *observation_shape]`, of the first state.
        action: int32 `[batch, K]`, taken.
        reward: float32 `[batch, K]`.
        reward_weight: float32 `[batch, K]`, 1 where it is known.
        z: float32 `[batch, K + 1]`, the return that follows.
        z_weight: float32 `[batch, K + 1]`.
        pi: float32 `[batch, K + 1, actions]`, the probabilities π that searches came to.
        pi_weight: float32 `[batch, K + 1]`.
    """

    observation: jax.Array
    action: jax.Array
    reward: jax.Array
    reward_weight: jax.Array
    z: jax.Array
    z_weight: jax.Array
    pi: jax.Array
    pi_weight: jax.Array


def search_returns(
    trajectory: Trajectory,
    nu: Float[Array, "time environments"],
    cut_value: Float[Array, "time environments"],
    discount: Array | float,
    return_lambda: Array | float,
) -> Float[Array, "time environments"]:
    """TD(λ) returns z, bootstrapped by the values ν that searches found on the way.

    `cut_value`, of `final_observation`, is looked at only where a time limit cut an episode, and in
    the last step.
    """
    last = jnp.zeros(nu.shape, bool).at[-1].set(True)
    following = jnp.roll(nu, -1, axis=0)
    final_value = jnp.where(last | trajectory.truncated, cut_value, following)
    return advantages_in(trajectory, nu, final_value, discount, return_lambda) + nu


def unroll(trajectory: Trajectory, pi: jax.Array, z: jax.Array, steps: int) -> Unrolled:
    """Each state of a rollout with the K steps after it, leaves `[time * environments, ...]`.

    π, float32 `[time, environments, actions]`, are the policies that searches came to; z, float32
    `[time, environments]`, returns.

    Source: Schrittwieser et al. 2020 (arXiv 1911.08265), appendix G, and its pseudocode for
        absorbing states.
    """
    time = jnp.arange(z.shape[0])

    def later(leaf: jax.Array, step: int) -> jax.Array:
        return leaf[jnp.minimum(time + step, time[-1])]

    going, absorbed = jnp.ones(z.shape, bool), jnp.zeros(z.shape, bool)
    ahead, transitions = [], []
    for step in range(steps + 1):
        going &= (time + step <= time[-1])[:, None]
        known = (going | absorbed).astype(jnp.float32)
        following = jnp.where(going, later(z, step), 0.0)
        ahead.append((following, known, later(pi, step), going.astype(jnp.float32)))
        reward = jnp.where(going, later(trajectory.reward, step), 0.0)
        # Of a state that is over, any action leads to itself.
        transitions.append((later(trajectory.action, step), reward, known))
        absorbed |= going & later(trajectory.terminated, step)
        going &= ~later(trajectory.ended, step)

    def stacked(parts: Sequence[tuple[jax.Array, ...]]) -> list[jax.Array]:
        whole = [jnp.stack(part, axis=2) for part in zip(*parts, strict=True)]
        return [leaf.reshape(-1, *leaf.shape[2:]) for leaf in whole]

    observation = trajectory.observation.reshape(-1, *trajectory.observation.shape[2:])
    return Unrolled(observation, *stacked(transitions[:-1]), *stacked(ahead))


def model_loss(
    environment: Environment,
    model: LearnedModel,
    params: Any,
    examples: Unrolled,
    values: Hyperparameters,
) -> tuple[jax.Array, dict[str, jax.Array]]:
    """The loss of values v against z, policies p against π, and rewards, and its parts by name.

    In each example K steps are imagined by g, from what h makes of the first observation. The first
    state's loss counts whole, those of the K after it 1/K each; a gradient is halved where a step
    is imagined. Values and rewards by half their squared errors, weighed by `value_weight`,
    policies by cross-entropy; all are means over examples.

    Source: Schrittwieser et al. 2020 (arXiv 1911.08265), eq. 1 and appendix G.
    """
    steps = examples.action.shape[1]
    inputs = features(examples.observation, environment.states)
    first = model.apply(params, inputs, method="initial_inference")

    def imagine(latent: jax.Array, action: jax.Array) -> tuple[jax.Array, tuple]:
        halved = 0.5 * latent + jax.lax.stop_gradient(0.5 * latent)
        reward, then = model.apply(params, halved, action, method="recurrent_inference")
        return then.latent, (reward, then.value, then.logits)

    _, (reward, value, logits) = jax.lax.scan(imagine, first.latent, examples.action.T)
    value = jnp.concatenate([first.value[:, None], value.T], axis=1)
    logits = jnp.concatenate([first.logits[:, None], logits.swapaxes(0, 1)], axis=1)

    weight = jnp.ones(steps + 1).at[1:].set(1.0 / steps)
    value_error = optax.losses.l2_loss(value, examples.z) * examples.z_weight
    policy_error = optax.losses.softmax_cross_entropy(logits, examples.pi) * examples.pi_weight
    reward_error = optax.losses.l2_loss(reward.T, examples.reward) * examples.reward_weight
    parts = {
        "value_loss": jnp.mean(value_error @ weight),
        "policy_loss": jnp.mean(policy_error @ weight),
        "reward_loss": jnp.mean(reward_error @ weight[1:]),
    }
    errors = parts["value_loss"] + parts["reward_loss"]
    loss = parts["policy_loss"] + values["value_weight"] * errors
    return loss, parts | {"loss": loss}
