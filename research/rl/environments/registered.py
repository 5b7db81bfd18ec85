"""Environments by name: gymnax's, CartPole drawn, and finite processes of our own."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from typing import NamedTuple

from research.rl.environments import (
    acrobot_drawing,
    cartpole_drawing,
    mountain_car_drawing,
    pendulum_drawing,
)
from research.rl.environments.environment import Environment, Renderer
from research.rl.environments.finite import LAKES, FiniteMDP, frozen_lake, three_states
from research.rl.environments.maze import CLASSIC, Maze, maze_mdp, random_maze, read_maze
from research.rl.environments.maze_drawing import maze_renderer


class Kind(NamedTuple):
    """What must be known of an environment before anything is imported or compiled.

    Attributes:
        continuous: whether actions are vectors between bounds, instead of numbers.
        numbered: whether an observation is the number of a state.
        unavailable: why it cannot be used here, or "".
    """

    continuous: bool = False
    numbered: bool = False
    unavailable: str = ""


GYMNAX: dict[str, Kind] = {
    "Acrobot-v1": Kind(),
    "Asterix-MinAtar": Kind(),
    "BernoulliBandit-misc": Kind(),
    "Breakout-MinAtar": Kind(),
    "CartPole-v1": Kind(),
    "Catch-bsuite": Kind(),
    "DeepSea-bsuite": Kind(),
    "DiscountingChain-bsuite": Kind(),
    "FourRooms-misc": Kind(),
    "Freeway-MinAtar": Kind(),
    "FrozenLake-misc": Kind(numbered=True),
    "GaussianBandit-misc": Kind(),
    "MNISTBandit-bsuite": Kind(unavailable="gymnax downloads its images from the network"),
    "MemoryChain-bsuite": Kind(),
    "MetaMaze-misc": Kind(),
    "MountainCar-v0": Kind(),
    "MountainCarContinuous-v0": Kind(continuous=True),
    "Pendulum-v1": Kind(continuous=True),
    "PointRobot-misc": Kind(continuous=True),
    "Pong-misc": Kind(),
    "Reacher-misc": Kind(continuous=True),
    "Seaquest-MinAtar": Kind(),
    "SimpleBandit-bsuite": Kind(),
    "SpaceInvaders-MinAtar": Kind(),
    "Swimmer-misc": Kind(continuous=True),
    "UmbrellaChain-bsuite": Kind(),
}
"""Name in gymnax 1.0 -> what it is."""


class Variant(NamedTuple):
    """An environment of gymnax with other parameters than its own.

    Attributes:
        of: its name in gymnax.
        parameters: which, and their values.
    """

    of: str
    parameters: Mapping[str, int]


def _memory_chain(length: int) -> Variant:
    # An episode has one step more than are to be remembered over; gymnax's limit is 1,000.
    return Variant(
        "MemoryChain-bsuite", {"memory_length": length, "max_steps_in_episode": length + 1}
    )


VARIANTS: dict[str, Variant] = {
    "MemoryChain10-bsuite": _memory_chain(10),
    "MemoryChain30-bsuite": _memory_chain(30),
    "MemoryChain100-bsuite": _memory_chain(100),
}
"""Name -> an environment of gymnax, and what is other about it."""


def _mountain_car(goal: float) -> Renderer:
    return Renderer(
        mountain_car_drawing.make_draw(goal),
        mountain_car_drawing.PALETTE,
        mountain_car_drawing.SECONDS,
    )


RENDERERS: dict[str, Renderer] = {
    "Acrobot-v1": Renderer(acrobot_drawing.draw, acrobot_drawing.PALETTE, acrobot_drawing.SECONDS),
    "CartPole-v1": Renderer(
        cartpole_drawing.draw, cartpole_drawing.PALETTE, cartpole_drawing.SECONDS
    ),
    # The goals are those of the two environments' parameters.
    "MountainCar-v0": _mountain_car(goal=0.5),
    "MountainCarContinuous-v0": _mountain_car(goal=0.45),
    "Pendulum-v1": Renderer(
        pendulum_drawing.draw, pendulum_drawing.PALETTE, pendulum_drawing.SECONDS
    ),
}
"""Name in gymnax -> how it is drawn."""


class Finite(NamedTuple):
    """A process whose model is known.

    Attributes:
        mdp: the model.
        longest_episode: the steps after which an episode is cut.
        maze: the map that it was made from; None where there is none.
    """

    mdp: FiniteMDP
    longest_episode: int
    maze: Maze | None = None


def _maze(maze: Maze) -> Finite:
    return Finite(maze_mdp(maze), 200, maze)


FINITE: dict[str, Callable[[], Finite]] = {
    "FrozenLake4x4-finite": lambda: Finite(frozen_lake(LAKES["4x4"]), 100),
    "FrozenLake8x8-finite": lambda: Finite(frozen_lake(LAKES["8x8"]), 200),
    "Maze-finite": lambda: _maze(read_maze(CLASSIC)),
    "RandomMaze-finite": lambda: _maze(random_maze(8, 8, seed=0)),
    "ThreeStates-finite": lambda: Finite(three_states(), 100),
}
"""Name -> a process of our own."""


def make_environment(name: str) -> Environment:
    """The environment called `name`: one of `GYMNAX` by default parameters, `VARIANTS`, `FINITE`.

    Raises:
        ValueError: there is none of that name, or it cannot be used here; with what fits.
    """
    if problems := unfit(name):
        raise ValueError(problems[0])
    # gymnax takes two seconds to import: only for those who ask for an environment.
    if name in FINITE:
        from research.rl.environments.finite_environment import make_finite_environment

        mdp, longest_episode, maze = FINITE[name]()
        renderer = maze_renderer(maze) if maze else None
        return make_finite_environment(mdp, name, longest_episode, renderer)
    import gymnax

    from research.rl.environments.gymnax_adapter import adapt

    variant = VARIANTS.get(name, Variant(name, {}))
    environment, parameters = gymnax.make(variant.of)
    parameters = parameters.replace(**variant.parameters)
    return adapt(environment, parameters, name, RENDERERS.get(name))


def unfit(
    name: str, continuous: bool | None = None, numbered: bool | None = None, known: bool = False
) -> list[str]:
    """One message where no environment of that name fits an algorithm; nothing is imported.

    Args:
        name: what a person asked for.
        continuous: whether the algorithm's actions are vectors; None where both will do.
        numbered: whether it needs numbers of states; None where either will do.
        known: whether it needs the model itself.
    """
    variants = {name: GYMNAX[variant.of] for name, variant in VARIANTS.items()}
    everything = GYMNAX | variants | dict.fromkeys(FINITE, Kind(numbered=True))
    fitting = [
        other
        for other, kind in sorted(everything.items())
        if not kind.unavailable
        and continuous in (None, kind.continuous)
        and numbered in (None, kind.numbered)
        and (not known or other in FINITE)
    ]
    if name in fitting:
        return []
    asked = f"--environment {name}"
    those = "; those that fit: " + ", ".join(fitting)
    if name not in everything:
        near = difflib.get_close_matches(name, fitting, n=1, cutoff=0.5)
        hint = f", did you mean {near[0]}?" if near else ""
        return [f"{asked}: there is no such environment{hint}{those}"]
    kind = everything[name]
    if kind.unavailable:
        return [f"{asked} cannot be used: {kind.unavailable}{those}"]
    if continuous is not None and kind.continuous != continuous:
        has = "vectors" if kind.continuous else "numbers"
        needs = "vectors" if continuous else "numbers"
        return [f"{asked}: its actions are {has}, and this algorithm's are {needs}{those}"]
    if known and name not in FINITE:
        return [f"{asked}: its model is not known, and planning needs it{those}"]
    return [f"{asked}: its observations are not numbers of states, as a table needs{those}"]
