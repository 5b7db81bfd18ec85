"""Environments of gymnax as Encore's: fixed dtypes and shapes, and one meaning of an ending.

gymnax is imported without its plotting libraries, until it draws something.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from research.engine.experiment import Key
from research.rl.environments.interface import (
    ActionSpace,
    Box,
    Discrete,
    Environment,
    EnvironmentState,
    Renderer,
    TimeStep,
)

if TYPE_CHECKING:
    from gymnax.environments.environment import Environment as GymnaxEnvironment

PLOTTING = ("matplotlib.pyplot", "seaborn")
"""Modules that gymnax draws with. They take most of the two seconds of its import (seaborn brings
SciPy's statistics and pandas), and no run needs them."""


class _Deferred(ModuleType):
    """Stands for a module, which is imported when it is first looked into."""

    def __getattr__(self, name: str) -> Any:
        return getattr(importlib.import_module(self.__name__), name)


@contextmanager
def defer_plots() -> Iterator[None]:
    """Modules imported within get stand-ins for `PLOTTING`; later ones do not."""
    stand_ins = {name: _Deferred(name) for name in PLOTTING if name not in sys.modules}
    sys.modules.update(stand_ins)
    try:
        yield
    finally:
        for name in stand_ins:
            del sys.modules[name]


def adapt(
    environment: GymnaxEnvironment, parameters: Any, name: str, renderer: Renderer | None = None
) -> Environment:
    """An environment in gymnax's interface (1.0.1 or later) as an `Environment`.

    Observations, rewards and states have the same dtypes at every step, and none of the weak types
    that Python's numbers bring in. A step that both terminates and reaches the time limit counts
    as terminated alone.

    Args:
        environment: whose `step` resets an ended episode, and gives `final_observation`.
        parameters: of gymnax.
        name: what a person calls it.
        renderer: draws it for people.

    Raises:
        ValueError: its actions or observations are of a kind that is not known here.
    """
    space = environment.observation_space(parameters)
    discrete = isinstance(getattr(space, "n", None), int)
    dtype = jnp.int32 if discrete else jnp.float32

    def reset(key: Key) -> tuple[EnvironmentState, jax.Array]:
        observation, state = environment.reset(key, parameters)
        return _strong(state), jnp.asarray(observation, dtype)

    def step(
        key: Key, state: EnvironmentState, action: jax.Array
    ) -> tuple[EnvironmentState, TimeStep]:
        observation, state, reward, terminated, truncated, info = environment.step(
            key, state, action, parameters
        )
        terminated = jnp.asarray(terminated, bool)
        return _strong(state), TimeStep(
            observation=jnp.asarray(observation, dtype),
            reward=jnp.asarray(reward, jnp.float32),
            terminated=terminated,
            truncated=jnp.asarray(truncated, bool) & ~terminated,
            final_observation=jnp.asarray(info["final_observation"], dtype),
        )

    return Environment(
        name=name,
        reset=reset,
        step=step,
        observation_shape=() if discrete else tuple(space.shape),
        action_space=_action_space(environment.action_space(parameters), name),
        longest_episode=int(parameters.max_steps_in_episode),
        states=space.n if discrete else None,
        renderer=renderer,
    )


def _action_space(space: Any, name: str) -> ActionSpace:
    if isinstance(getattr(space, "n", None), int):
        return Discrete(space.n)
    if len(getattr(space, "shape", ())) != 1:
        raise ValueError(f"actions of {name} are neither discrete nor vectors")
    low, high = (
        np.broadcast_to(np.asarray(bound, np.float32), space.shape).copy()
        for bound in (space.low, space.high)
    )
    return Box(low, high)


def _strong(state: EnvironmentState) -> EnvironmentState:
    """The state without weak types, which gymnax's Python numbers bring in: a loop carries it."""
    return jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.result_type(leaf)), state)
