"""Experience replay: a ring of transitions in the state, sampled in constant time on the device."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from research.engine.experiment import Key
from research.rl.environments.interface import ActionSpace, Box
from research.rl.rollout import Trajectory


class Transition(NamedTuple):
    """One step, or several, as Q-learning needs it; leaves `[..., *shape]`.

    Attributes:
        observation: acted on.
        action: int32 `[...]`, or float32 `[..., dimensions]`.
        reward: float32 `[...]`; over several steps, their discounted sum.
        discount: float32 `[...]`, the weight of the value of `final_observation`: 0 where the
            process ended, γⁿ after n steps, also where a time limit cut the episode.
        final_observation: as `observation`: where the action led, before any reset.
    """

    observation: jax.Array
    action: jax.Array
    reward: jax.Array
    discount: jax.Array
    final_observation: jax.Array


class Step(NamedTuple):
    """One step of each of several environments, as the ring keeps it; see `Trajectory`."""

    observation: jax.Array
    action: jax.Array
    reward: jax.Array
    terminated: jax.Array
    truncated: jax.Array
    final_observation: jax.Array


class Replay(NamedTuple):
    """A ring of steps: the newest takes the place of the oldest.

    The steps of several environments lie side by side, so that an environment's next step lies
    `environments` further on.

    Attributes:
        steps: `Step` with leaves `[capacity, ...]`.
        added: int32 scalar, how many were ever added.
    """

    steps: Step
    added: jax.Array

    @property
    def capacity(self) -> int:
        """The number of steps that it has room for."""
        return self.steps.reward.shape[0]


def make_replay(observations: jax.Array, actions: ActionSpace, capacity: int) -> Replay:
    """An empty ring for observations like these, `[environments, ...]`, and such actions.

    Raises:
        ValueError: its capacity, steps in all, is no multiple of the environments.
    """
    environments, *shape = observations.shape
    if capacity < environments or capacity % environments:
        raise ValueError(f"a replay of {capacity} does not divide among {environments}")
    if isinstance(actions, Box):
        action = jnp.zeros((capacity, *actions.low.shape), jnp.float32)
    else:
        action = jnp.zeros(capacity, jnp.int32)
    # A buffer each: the state is donated, and no buffer can be donated twice.
    steps = Step(
        observation=jnp.zeros((capacity, *shape), observations.dtype),
        action=action,
        reward=jnp.zeros(capacity, jnp.float32),
        terminated=jnp.zeros(capacity, bool),
        truncated=jnp.zeros(capacity, bool),
        final_observation=jnp.zeros((capacity, *shape), observations.dtype),
    )
    return Replay(steps, jnp.int32(0))


def add(replay: Replay, transition: Trajectory | Step) -> Replay:
    """The ring with one more step of each environment, leaves `[environments, ...]`."""
    step = Step(*(getattr(transition, name) for name in Step._fields))
    environments = step.reward.shape[0]
    place = replay.added % replay.capacity

    def put(ring: jax.Array, new: jax.Array) -> jax.Array:
        return jax.lax.dynamic_update_slice_in_dim(ring, new.astype(ring.dtype), place, 0)

    return Replay(jax.tree.map(put, replay.steps, step), replay.added + environments)


def sampleable(replay: Replay, environments: int, lookahead: int) -> jax.Array:
    """The number of steps that have `lookahead - 1` successors in the ring, int32 scalar."""
    held = jnp.minimum(replay.added, replay.capacity)
    return jnp.maximum(held - (lookahead - 1) * environments, 0)


def uniform_places(
    key: Key, replay: Replay, environments: int, examples: int, lookahead: int = 1
) -> jax.Array:
    """Places of steps drawn with replacement, each alike, int32 `[examples]`.

    From each on, `lookahead` consecutive steps can be read; at least as many of each environment
    are in the replay.
    """
    count = sampleable(replay, environments, lookahead)
    age = jax.random.randint(key, (examples,), 0, jnp.maximum(count, 1))
    oldest = jnp.maximum(replay.added - replay.capacity, 0)
    return (oldest + age) % replay.capacity


def read(
    replay: Replay,
    place: jax.Array,
    environments: int,
    discount: jax.Array | float,
    lookahead: int = 1,
) -> Transition:
    """Transitions over up to `lookahead` steps that begin at some places, int32 `[examples]`.

    The reward is Σ_k γᵏ r_{t+k} up to where the episode ended or the lookahead did; the value that
    follows is weighed by γⁿ after n steps, and by 0 where the process ended.

    Source: Sutton 1988; Hessel et al. 2018 (arXiv 1710.02298), section 3 (multi-step learning).
    """

    def at(place: jax.Array) -> Step:
        return jax.tree.map(lambda leaf: leaf[place], replay.steps)

    first = at(place)
    reward, weight = first.reward, jnp.full(place.shape, discount, jnp.float32)
    ended, done = first.terminated, first.terminated | first.truncated
    final = first.final_observation
    for offset in range(1, lookahead):
        step = at((place + offset * environments) % replay.capacity)
        going = ~done
        reward = reward + jnp.where(going, weight * step.reward, 0.0)
        weight = jnp.where(going, weight * discount, weight)
        shape = (-1, *[1] * (final.ndim - 1))
        final = jnp.where(going.reshape(shape), step.final_observation, final)
        ended = ended | (going & step.terminated)
        done = done | step.terminated | step.truncated
    return Transition(first.observation, first.action, reward, jnp.where(ended, 0.0, weight), final)
