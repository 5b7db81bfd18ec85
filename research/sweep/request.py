"""From a command line to a sweep that is right in every part, or to all that is wrong with it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from research.options.catalog import Named
from research.options.command import Command, Context, help_hint, own_options
from research.options.configure import config_options, configure, read_name
from research.options.options import options_of, refuse, scan
from research.sweep.options import SweepOptions
from research.sweep.points import draw_fresh, grid_points, grid_size, random_points
from research.sweep.space import Point, Space, is_axis, point_options, read_space, spell_point

LARGEST_GRID = 10_000
_SHOWN = 5


class Request(NamedTuple):
    """What is asked for.

    Attributes:
        named: the experiment.
        base: its config with the fixed options; the point's values replace their fields.
        given: the fixed options, field -> value.
        space: what varies.
        points: of a grid or a random search; empty for `optimize`.
        exhausted: why a random search has fewer points than asked for, or "".
        options: the options of the sweep.
    """

    named: Named
    base: Any
    given: dict[str, Any]
    space: Space
    points: tuple[dict[str, Any], ...]
    exhausted: str
    options: SweepOptions

    def config(self, point: Point) -> Any:
        """The config at a point."""
        return dataclasses.replace(self.base, **point)

    def refused(self, point: Point) -> list[str]:
        """What the experiment says against a point."""
        return refusal(self.named, self.base, point)

    @property
    def example(self) -> dict[str, Any]:
        """A point that the experiment accepts."""
        if self.points:
            return self.points[0]
        first = first_point(self.named, self.base, self.space, self.options)
        return {} if isinstance(first, str) else first

    @property
    def fixed(self) -> tuple[str, ...]:
        """The experiment's options that every run has."""
        return (*(("--smoke",) if self.options.smoke else ()), *point_options(self.given))


def refusal(named: Named, base: Any, point: Point) -> list[str]:
    """What the experiment says against a point; empty where it is right."""
    try:
        return list(named.problems(dataclasses.replace(base, **point)))
    except ValueError as error:
        return [str(error)]


def read(
    command: Command,
    tokens: Sequence[str],
    context: Context,
    check: Callable[[Named, Any, SweepOptions], list[str]],
) -> Request:
    """What a command line asks for.

    Args:
        command: `sweep`.
        tokens: its command line.
        context: where the experiments lie.
        check: (experiment, config, options) -> what is wrong with the metric.

    Raises:
        Mistake: all that is wrong with it.
    """
    own = options_of(SweepOptions)
    named, rest = read_name(command, _part_grid(tokens), context, is_axis)
    theirs = config_options(named, own)
    found = scan(rest, (*own, *theirs))
    options, messages = own_options(command, found)
    base, refused = configure(named, found, smoke=options.smoke)
    words = [word for word in found.arguments if is_axis(word)]
    extra = [word for word in found.arguments if not is_axis(word)]
    space, wrong = read_space(words, theirs, grid=options.method in ("grid", ""))
    mistakes = [
        *found.mistakes,
        *(f"{word}: unexpected word; what varies is written field=VALUES" for word in extra),
        *messages,
        *wrong,
    ]
    if not words:
        fields = ", ".join(option.name for option in theirs)
        mistakes.append(f"nothing varies: write field=VALUES for one or more of {fields}")
    fields_given = {option.field: option.name for option in theirs}
    given = {name: value for name, value in found.values.items() if name in fields_given}
    mistakes += [
        f"{fields_given[name]}: given twice, as --{fields_given[name]} and as "
        f"{fields_given[name]}=...; it either varies or is fixed"
        for name in given
        if name in space
    ]
    points: tuple[dict[str, Any], ...] = ()
    exhausted = ""
    if base is None:
        mistakes += refused
    elif space and not wrong and not found.wrong and options.method:
        points, exhausted, more = _points(named, base, space, options)
        mistakes += more
    else:
        mistakes += refused
    if options.objective and "=" not in options.optimize and base is not None:
        # What is reported does not depend on the point, but only a sound config can be made.
        sound = (
            {} if mistakes else points[0] if points else first_point(named, base, space, options)
        )
        if not isinstance(sound, str):
            mistakes += check(named, dataclasses.replace(base, **sound), options)
    refuse(f"sweep {named.name}", mistakes, help_hint(command, named.name))
    return Request(named, base, given, space, points, exhausted, options)


def _points(
    named: Named, base: Any, space: Space, options: SweepOptions
) -> tuple[tuple[dict[str, Any], ...], str, list[str]]:
    """The points to try, why there are fewer than asked for, and what is wrong with them."""

    def refused(point: Point) -> list[str]:
        return refusal(named, base, point)

    if options.method == "grid":
        size = grid_size(space)
        if size > LARGEST_GRID:
            return (), "", [f"the grid has {size:,} points, and {LARGEST_GRID:,} are the most"]
        points = tuple(grid_points(space))
        return points, "", grid_mistakes({i: refused(p) for i, p in enumerate(points)}, points)
    if options.method == "random":
        wanted = options.random or 0
        if wanted > LARGEST_GRID:
            return (), "", [f"--random {wanted}: {LARGEST_GRID:,} points are the most"]
        drawn = random_points(space, options.sampling_seed, wanted, refused)
        return drawn.points, drawn.refused, [] if drawn.points or wanted < 1 else [_none(drawn[1])]
    first = first_point(named, base, space, options)
    return (), "", [_none(first)] if isinstance(first, str) else []


def first_point(
    named: Named, base: Any, space: Space, options: SweepOptions
) -> dict[str, Any] | str:
    """A point of the space that the experiment accepts, or what it says against the last drawn."""
    return draw_fresh(space, options.sampling_seed, 0, set(), lambda p: refusal(named, base, p))


def _none(why: str) -> str:
    return f"no point of the space is allowed: {why}"


def grid_mistakes(
    refused: Mapping[int, list[str]], points: Sequence[Mapping[str, Any]]
) -> list[str]:
    """What is wrong with the points of a grid: each message once, with the points it is about."""
    about: dict[str, list[int]] = {}
    for index, messages in refused.items():
        for message in messages:
            about.setdefault(message, []).append(index)
    lines = []
    for message, indices in list(about.items())[:_SHOWN]:
        first = spell_point(points[indices[0]])
        others = f" and {len(indices) - 1} more points" if len(indices) > 1 else ""
        every = len(indices) == len(points)
        lines.append(f"{'every point' if every else f'{first}{others}'}: {message}")
    if len(about) > _SHOWN:
        lines.append(f"and {len(about) - _SHOWN} more like these")
    return lines


def _part_grid(tokens: Sequence[str]) -> list[str]:
    """`--grid=width=8,16` is what some will type for `--grid width=8,16`."""
    parted: list[str] = []
    for token in tokens:
        first, _, rest = token.partition("=")
        parted += [first, rest] if first == "--grid" and is_axis(rest) else [token]
    return parted
