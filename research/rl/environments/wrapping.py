"""Wrappers chosen in an environment's name: `Breakout-MinAtar:sticky=0.25:stack=4`."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from research.options.ranges import COUNT, FRACTION, Range
from research.rl.environments.environment import Environment
from research.rl.environments.frame_stacking import stack_frames
from research.rl.environments.sticky_actions import stick_actions
from research.rl.environments.time_limit import limit_episodes


class Wrapper(NamedTuple):
    """What can follow an environment's name.

    Attributes:
        wrap: (environment, value) -> environment.
        kind: `int` or `float`, of its value.
        allowed: which values.
        help: what it does with its value.
    """

    wrap: Callable[[Environment, Any], Environment]
    kind: type[int] | type[float]
    allowed: Range
    help: str


WRAPPERS = {
    "limit": Wrapper(limit_episodes, int, COUNT, "cuts episodes after so many steps"),
    "stack": Wrapper(stack_frames, int, COUNT, "shows so many observations at once"),
    "sticky": Wrapper(stick_actions, float, FRACTION, "so often repeats the action before"),
}
"""Name -> wrapper. In whichever order they are applied, the environment is the same."""


def parse_name(text: str) -> tuple[str, dict[str, int | float]]:
    """The name of an environment alone, and the values of the wrappers that follow it.

    Args:
        text: `NAME`, or `NAME:wrapper=value:wrapper=value`. (On a command line commas part runs.)

    Raises:
        ValueError: what follows the name is not that; with what could be meant.
    """
    name, *parts = text.split(":")
    values: dict[str, int | float] = {}
    for part in parts:
        wrapper, _, value = (word.strip() for word in part.partition("="))
        if wrapper not in WRAPPERS:
            near = difflib.get_close_matches(wrapper, WRAPPERS, n=1, cutoff=0.5)
            hint = f", did you mean {near[0]}?" if near else ""
            those = ", ".join(f"{name}=N ({known.help})" for name, known in WRAPPERS.items())
            raise ValueError(f"there is no wrapper {wrapper!r}{hint}; there are {those}")
        if wrapper in values:
            raise ValueError(f"{wrapper} is given twice")
        values[wrapper] = _value(wrapper, value)
    return name, values


def _value(wrapper: str, text: str) -> int | float:
    _, kind, allowed, _ = WRAPPERS[wrapper]
    asked = f"{wrapper}=N asks for a {'whole ' if kind is int else ''}number, {allowed}"
    try:
        value = kind(text)
    except ValueError:
        raise ValueError(f"{asked}, not {text!r}") from None
    if not allowed.holds(value):
        raise ValueError(f"{asked}, not {text}")
    return value


def wrap_environment(environment: Environment, values: Mapping[str, int | float]) -> Environment:
    """The environment in its wrappers, the first of them innermost."""
    for wrapper, value in values.items():
        environment = WRAPPERS[wrapper].wrap(environment, value)
    return environment
