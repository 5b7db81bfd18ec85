"""The points of a grid and of a random search: pure functions of the space and a seed."""

from __future__ import annotations

import hashlib
import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from research.sweep.space import Choices, Interval, Point, Space

ATTEMPTS = 1000
"""How often a refused or repeated point is drawn again before a search gives up."""


class Drawn(NamedTuple):
    """What a random search tries.

    Attributes:
        points: in the order of their trials.
        refused: what was said of the last refused point, where fewer were found than asked for.
    """

    points: tuple[dict[str, Any], ...]
    refused: str


def grid_size(space: Space) -> int:
    """How many points a grid has."""
    return math.prod(len(d.values) for d in space.values() if isinstance(d, Choices))


def grid_points(space: Space) -> Iterator[dict[str, Any]]:
    """Every combination; the last field typed changes fastest."""
    lists = [domain.values for domain in space.values() if isinstance(domain, Choices)]
    for values in itertools.product(*lists):
        yield dict(zip(space, values, strict=True))


def share(*parts: Any) -> float:
    """A number in [0, 1) that is a pure function of `parts`, uniform over them.

    It is SHA-256 and no generator of a library, so that a search draws the same points whatever
    the versions installed.
    """
    digest = hashlib.sha256("/".join(map(str, parts)).encode()).digest()
    return (int.from_bytes(digest[:8], "big") >> 11) / 2**53


def draw(space: Space, seed: int, trial: int, attempt: int) -> dict[str, Any]:
    """One point, uniform in the space; each field's value depends on no other field."""
    return {field: _draw(d, share(seed, trial, attempt, field)) for field, d in space.items()}


def _draw(domain: Choices | Interval, where: float) -> Any:
    if isinstance(domain, Choices):
        return domain.values[int(where * len(domain.values))]
    return domain.place(where)


def random_points(
    space: Space, seed: int, count: int, refuse: Callable[[Point], list[str]]
) -> Drawn:
    """The first `count` points of a random search, none twice, none that `refuse` objects to.

    A longer search begins with the points of a shorter one.

    Args:
        space: what varies.
        seed: of the search.
        count: how many points.
        refuse: what is wrong with a point; empty where nothing is.
    """
    points: list[dict[str, Any]] = []
    seen: set[tuple[Any, ...]] = set()
    refused = ""
    for trial in range(count):
        fresh = draw_fresh(space, seed, trial, seen, refuse)
        if isinstance(fresh, str):
            refused = fresh
            break
        points.append(fresh)
        seen.add(key_of(fresh))
    return Drawn(tuple(points), refused)


def draw_fresh(
    space: Space,
    seed: int,
    trial: int,
    seen: set[tuple[Any, ...]],
    refuse: Callable[[Point], list[str]],
) -> dict[str, Any] | str:
    """The first allowed point of a trial that was not tried before, or why none was found."""
    why = "every point of the space has been tried"
    for attempt in range(ATTEMPTS):
        point = draw(space, seed, trial, attempt)
        if key_of(point) in seen:
            continue
        messages = refuse(point)
        if not messages:
            return point
        why = messages[0]
    return why


def key_of(point: Point) -> tuple[Any, ...]:
    """What tells two points of one space apart; 1, 1.0 and true are three values."""
    return tuple((field, type(point[field]).__name__, point[field]) for field in sorted(point))
