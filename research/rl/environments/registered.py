"""Environments by name: gymnax's and finite processes of our own, bare or in wrappers."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from functools import cache
from typing import NamedTuple

from research.rl.environments import channel_drawings, control_drawings
from research.rl.environments.action_names import ACTION_NAMES
from research.rl.environments.channel_drawings import channel_renderer
from research.rl.environments.finite import LAKES, FiniteMDP, frozen_lake, three_states
from research.rl.environments.finite_environment import make_finite_environment
from research.rl.environments.grid_drawings import (
    CATCH,
    DEEP_SEA,
    ROOMS,
    lake_renderer,
    maze_renderer,
)
from research.rl.environments.gymnax_adapter import adapt, defer_plots
from research.rl.environments.interface import Environment, Renderer
from research.rl.environments.maze import CLASSIC, Maze, maze_mdp, random_maze, read_maze
from research.rl.environments.wrappers import WRAPPERS, parse_name


class Kind(NamedTuple):
    """Facts of an environment, for checks before anything is imported or compiled.

    Attributes:
        longest_episode: the steps after which every episode has ended.
        continuous: whether actions are vectors between bounds, instead of discrete.
        tabular: whether an observation is the index of a state.
        image: whether it is an image, `[height, width, channels]`.
        unavailable: why it cannot be used here, or "".
    """

    longest_episode: int
    continuous: bool = False
    tabular: bool = False
    image: bool = False
    unavailable: str = ""


GYMNAX: dict[str, Kind] = {
    "Acrobot-v1": Kind(500),
    "Asterix-MinAtar": Kind(1000, image=True),
    "BernoulliBandit-misc": Kind(100),
    "Breakout-MinAtar": Kind(1000, image=True),
    "CartPole-v1": Kind(500),
    "Catch-bsuite": Kind(1000),
    "DeepSea-bsuite": Kind(8),
    "DiscountingChain-bsuite": Kind(100),
    "FourRooms-misc": Kind(500),
    "Freeway-MinAtar": Kind(2500, image=True),
    "FrozenLake-misc": Kind(100, tabular=True),
    "GaussianBandit-misc": Kind(100),
    "MNISTBandit-bsuite": Kind(1, unavailable="gymnax downloads its images from the network"),
    "MemoryChain-bsuite": Kind(1000),
    "MetaMaze-misc": Kind(200),
    "MountainCar-v0": Kind(200),
    "MountainCarContinuous-v0": Kind(999, continuous=True),
    "Pendulum-v1": Kind(200, continuous=True),
    "PointRobot-misc": Kind(100, continuous=True),
    "Pong-misc": Kind(1000),
    "Reacher-misc": Kind(100, continuous=True),
    "Seaquest-MinAtar": Kind(1000, image=True),
    "SimpleBandit-bsuite": Kind(100),
    "SpaceInvaders-MinAtar": Kind(1000, image=True),
    "Swimmer-misc": Kind(500, continuous=True),
    "UmbrellaChain-bsuite": Kind(100),
}
"""Name in gymnax 1.0 -> its facts."""


RENDERERS: dict[str, Renderer] = {
    "Acrobot-v1": control_drawings.ACROBOT,
    "Asterix-MinAtar": channel_renderer(channel_drawings.ASTERIX, 20),
    "Breakout-MinAtar": channel_renderer(channel_drawings.BREAKOUT, 20),
    "CartPole-v1": control_drawings.CARTPOLE,
    "Catch-bsuite": CATCH,
    "DeepSea-bsuite": DEEP_SEA,
    "FourRooms-misc": ROOMS,
    "Freeway-MinAtar": channel_renderer(channel_drawings.FREEWAY, 20),
    "FrozenLake-misc": lake_renderer(LAKES["4x4"]),
    # The goals are those of the two environments' parameters.
    "MountainCar-v0": control_drawings.valley_renderer(goal=0.5),
    "MountainCarContinuous-v0": control_drawings.valley_renderer(goal=0.45),
    "Pendulum-v1": control_drawings.PENDULUM,
    "Pong-misc": channel_renderer(channel_drawings.PONG, 8),
    "Seaquest-MinAtar": channel_renderer(channel_drawings.SEAQUEST, 20),
    "SpaceInvaders-MinAtar": channel_renderer(channel_drawings.SPACE_INVADERS, 20),
}
"""Name in gymnax -> how it is drawn."""


class Variant(NamedTuple):
    """An environment of gymnax with other parameters than its own.

    Attributes:
        of: its name in gymnax.
        parameters: which, and their values.
        sizes: what its shapes depend on, and is given where it is made.
    """

    of: str
    parameters: Mapping[str, int]
    sizes: Mapping[str, int] = {}

    @property
    def kind(self) -> Kind:
        """The kind of the environment itself, but for a limit of its own."""
        kind = GYMNAX[self.of]
        limit = self.parameters.get("max_steps_in_episode", kind.longest_episode)
        return kind._replace(longest_episode=limit)


def _memory_chain(length: int) -> Variant:
    # An episode has one step more than are to be remembered over; gymnax's limit is 1,000.
    return Variant(
        "MemoryChain-bsuite", {"memory_length": length, "max_steps_in_episode": length + 1}
    )


def _deep_sea(size: int) -> Variant:
    # Which action goes right differs from cell to cell, and is the same in every episode and run.
    return Variant("DeepSea-bsuite", {"max_steps_in_episode": size}, {"size": size})


VARIANTS: dict[str, Variant] = {
    "DeepSea10-bsuite": _deep_sea(10),
    "DeepSea20-bsuite": _deep_sea(20),
    "DeepSea30-bsuite": _deep_sea(30),
    "MemoryChain10-bsuite": _memory_chain(10),
    "MemoryChain30-bsuite": _memory_chain(30),
    "MemoryChain100-bsuite": _memory_chain(100),
}
"""Name -> an environment of gymnax with other parameters."""


class Finite(NamedTuple):
    """A process whose model is known.

    Attributes:
        mdp: the model.
        longest_episode: the steps after which an episode is cut.
        renderer: draws it for people; None where nothing does.
    """

    mdp: FiniteMDP
    longest_episode: int
    renderer: Renderer | None = None


def _maze(maze: Maze) -> Finite:
    return Finite(maze_mdp(maze), 200, maze_renderer(maze))


def _lake(rows: tuple[str, ...], longest_episode: int) -> Finite:
    return Finite(frozen_lake(rows), longest_episode, lake_renderer(rows))


FINITE: dict[str, Callable[[], Finite]] = {
    "FrozenLake4x4-finite": lambda: _lake(LAKES["4x4"], 100),
    "FrozenLake8x8-finite": lambda: _lake(LAKES["8x8"], 200),
    "Maze-finite": lambda: _maze(read_maze(CLASSIC)),
    "RandomMaze-finite": lambda: _maze(random_maze(8, 8, seed=0)),
    "ThreeStates-finite": lambda: Finite(three_states(), 100),
}
"""Name -> a process of our own."""


@cache
def _kinds() -> dict[str, Kind]:
    made = {name: make().longest_episode for name, make in FINITE.items()}
    finite = {name: Kind(longest, tabular=True) for name, longest in made.items()}
    return GYMNAX | {name: variant.kind for name, variant in VARIANTS.items()} | finite


def make_environment(name: str) -> Environment:
    """The environment called `name`, with its default parameters, in the wrappers that follow it.

    Args:
        name: one of `GYMNAX`, `VARIANTS` or `FINITE`, alone or with `WRAPPERS` and their values:
            `Breakout-MinAtar:sticky=0.25:stack=4`.

    Raises:
        ValueError: there is none of that name, or it cannot be used here; with what fits.
    """
    if problems := unfit(name):
        raise ValueError(problems[0])
    bare, wrappers = parse_name(name)
    environment = _make_bare(bare)._replace(action_names=ACTION_NAMES.get(bare, ()))
    # The first of them is the innermost.
    for wrapper, value in wrappers.items():
        environment = WRAPPERS[wrapper].wrap(environment, value)
    return environment._replace(name=name)


def _make_bare(name: str) -> Environment:
    if name in FINITE:
        mdp, longest_episode, renderer = FINITE[name]()
        return make_finite_environment(mdp, name, longest_episode, renderer)
    # It takes a second to import: only for those who ask for one of its environments.
    with defer_plots():
        import gymnax
    variant = VARIANTS.get(name, Variant(name, {}))
    environment, parameters = gymnax.make(variant.of, **variant.sizes)
    parameters = parameters.replace(**variant.parameters)
    return adapt(environment, parameters, name, RENDERERS.get(variant.of))


def unfit(
    name: str,
    continuous: bool | None = None,
    tabular: bool | None = None,
    known: bool = False,
    image: bool | None = None,
) -> list[str]:
    """One message where no environment of that name fits an algorithm; nothing is imported.

    Args:
        name: as a person typed it.
        continuous: whether the algorithm's actions are vectors; None where both will do.
        tabular: whether it needs indices of states; None where either will do.
        known: whether it needs the model itself.
        image: whether it needs images; None where anything will do.
    """
    asked = f"--environment {name}"
    try:
        bare, wrappers = parse_name(name)
    except ValueError as problem:
        return [f"{asked}: {problem}"]
    kinds = _kinds()
    fitting = [
        other
        for other, kind in sorted(kinds.items())
        if not kind.unavailable
        and continuous in (None, kind.continuous)
        and tabular in (None, kind.tabular)
        and (not known or other in FINITE)
        and image in (None, kind.image)
    ]
    if bare in fitting:
        problems = _ill_wrapped(bare, wrappers, known)
        return [f"{asked}: {problem}" for problem in problems[:1]]
    those = "; those that fit: " + ", ".join(fitting)
    if bare not in kinds:
        near = difflib.get_close_matches(bare, fitting, n=1, cutoff=0.5)
        hint = f", did you mean {near[0]}?" if near else ""
        return [f"{asked}: there is no such environment{hint}{those}"]
    kind = kinds[bare]
    if kind.unavailable:
        return [f"{asked} cannot be used: {kind.unavailable}{those}"]
    if continuous is not None and kind.continuous != continuous:
        has = "vectors" if kind.continuous else "discrete"
        needs = "vectors" if continuous else "discrete"
        return [f"{asked}: its actions are {has}, and this algorithm's are {needs}{those}"]
    if image is not None and kind.image != image:
        is_one = "are images" if kind.image else "are no images"
        needs = "and this network is not for images" if kind.image else "as a convolution needs"
        return [f"{asked}: its observations {is_one}, {needs}{those}"]
    if known:
        return [f"{asked}: its model is not known, and planning needs it{those}"]
    return [f"{asked}: its observations are not indices of states, as a table needs{those}"]


def _ill_wrapped(bare: str, wrappers: Mapping[str, int | float], known: bool) -> list[str]:
    """A message for each wrapper that does not fit an environment."""
    problems = []
    if wrappers and known:
        problems.append(f"a model is known of {bare} alone, and planning needs it: leave "
                        f"{', '.join(wrappers)} out")  # fmt: skip
    if "stack" in wrappers and _kinds()[bare].tabular:
        problems.append("stack: its observations are indices of states, which do not stack")
    longest = _kinds()[bare].longest_episode
    if wrappers.get("limit", 0) > longest:
        problems.append(f"limit={wrappers['limit']}: its episodes end after {longest} steps anyway")
    return problems
