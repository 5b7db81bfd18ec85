"""The space of a sweep, read by each field's type; the points of a grid and of a random search."""

from __future__ import annotations

import hashlib
import itertools
import math
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from research.options.convert import Refusal, convert, describe, did_you_mean, optional, spell
from research.options.options import Option


class Choices(NamedTuple):
    """A field takes one of a few values, in the order typed."""

    values: tuple[Any, ...]

    def spell(self) -> str:
        """`0.001,0.002`; whole tuples are parted by `/`."""
        between = "/" if any(isinstance(value, tuple) for value in self.values) else ","
        return between.join(spell(value) for value in self.values)


class Interval(NamedTuple):
    """A field takes any value from `low` to `high`, both included.

    Attributes:
        low: the smallest value.
        high: the largest value.
        log: whether factors, and not differences, count alike.
        whole: whether only whole numbers count.
    """

    low: float
    high: float
    log: bool
    whole: bool

    def spell(self) -> str:
        """`log:0.0001:0.1`."""
        return f"{'log:' if self.log else ''}{spell(self.low)}:{spell(self.high)}"

    def place(self, share: float) -> float | int:
        """The value at `share` of the way from low to high (0 <= share < 1).

        Real numbers have six significant digits: what is tried can be typed and read.
        """
        # Each whole number has a stretch of its own, the last one as well.
        end = self.high + 1 if self.whole else self.high
        at = _between(self.low, end, share, log=self.log)
        return min(int(at), int(self.high)) if self.whole else self.shorten(at)

    def shorten(self, value: float) -> float | int:
        """A value of six significant digits, or a whole one, within the interval."""
        if self.whole:
            return int(value)
        return min(max(float(f"{value:.6g}"), self.low), self.high)


def _between(low: float, high: float, share: float, *, log: bool) -> float:
    if log:
        return math.exp(math.log(low) + share * (math.log(high) - math.log(low)))
    return low + share * (high - low)


Domain = Choices | Interval
Space = Mapping[str, Domain]
"""Field -> what it may be."""
Point = Mapping[str, Any]
"""Field -> a value: one set of values for the fields of a space."""


def is_axis(token: str) -> bool:
    """Whether a word of a command line varies a field: `learning-rate=...`."""
    name, equals, _ = token.partition("=")
    return bool(equals) and name[:1] != "-" and name.replace("-", "_").isidentifier()


def read_space(
    words: Iterable[str], options: Sequence[Option], *, grid: bool
) -> tuple[dict[str, Domain], list[str]]:
    """The space that words such as `learning-rate=1e-3,3e-3` span, and all that is wrong.

    With `grid` every value is visited, so that a range needs a number of values.
    """
    known = {option.name: option for option in options}
    space: dict[str, Domain] = {}
    mistakes: list[str] = []
    given: set[str] = set()
    for word in words:
        name, _, text = word.partition("=")
        name = name.replace("_", "-")
        option = known.get(name)
        if option is None:
            mistakes.append(f"{word}: the experiment has no {name}{did_you_mean(name, known)}")
        elif name in given:
            mistakes.append(f"{name}: given twice; write all its values in one list")
        else:
            given.add(name)
            try:
                space[option.field] = read_domain(text, option.kind, grid=grid)
            except Refusal as refusal:
                mistakes.append(f"{word}: {refusal}")
    return space, mistakes


def read_domain(text: str, kind: Any, *, grid: bool) -> Domain:
    """The domain that `1e-3,3e-3`, `log:1e-4:1e-1` or `8:64` spells for a field of that kind.

    In a grid a range has a third part, the number of values: `log:1e-4:1e-1:4`.

    Raises:
        Refusal: it spells none.
    """
    number = optional(kind)
    if number in (int, float) and ":" in text:
        return _read_range(text, number, grid=grid)
    if not text:
        raise Refusal(f"values are wanted, as in {_example(kind, grid=grid)}")
    listed = typing.get_origin(number) is tuple
    parts = text.split("/") if listed else text.split(",")
    values: list[Any] = []
    for part in parts:
        try:
            value = convert(part, kind)
        except Refusal as refusal:
            hint = " (whole lists are parted by /: 32,64/64,64)" if listed else ""
            raise Refusal(f"{part or 'an empty value'}: {refusal}{hint}") from None
        if value in values and type(value) in map(type, values):
            raise Refusal(f"{spell(value)} is given twice")
        values.append(value)
    return Choices(tuple(values))


def _read_range(text: str, kind: type, *, grid: bool) -> Domain:
    log = text.startswith("log:")
    parts = text.removeprefix("log:").split(":")
    form = "[log:]LOW:HIGH:HOW_MANY" if grid else "[log:]LOW:HIGH"
    if len(parts) != (3 if grid else 2):
        raise Refusal(f"{'in a grid ' if grid else ''}a range is {form}; a list has commas")
    low, high = (convert(part, kind) for part in parts[:2])
    if low >= high:
        raise Refusal(f"the low end must be below the high end, and {low:g} is not below {high:g}")
    if log and low <= 0:
        raise Refusal(f"a log range starts above 0, not at {low:g}")
    if not grid:
        return Interval(low, high, log, kind is int)
    count = convert(parts[2], int)
    if not 2 <= count <= 10_000:
        raise Refusal(f"2 to 10,000 values are wanted, not {count}")
    shares = [index / (count - 1) for index in range(count)]
    spread = [_between(low, high, share, log=log) for share in shares]
    inside = [min(max(value, low), high) for value in [low, *spread[1:-1], high]]
    values = [round(v) if kind is int else float(f"{v:.6g}") for v in inside]
    return Choices(tuple(dict.fromkeys([low, *values[1:-1], high])))


def _example(kind: Any, *, grid: bool) -> str:
    number = optional(kind)
    if typing.get_origin(number) is tuple:
        return "32,64/64,64"
    if number is float:
        return "1e-3,3e-3 or log:1e-4:1e-1:4" if grid else "1e-3,3e-3 or log:1e-4:1e-1"
    if number is int:
        return "16,32 or 8:64:4" if grid else "16,32 or 8:64"
    return "true,false" if number is bool else describe(kind).replace("|", ",")


def spell_space(space: Space) -> dict[str, str]:
    """Field -> its domain as it can be typed; sorted, so that the order typed does not count."""
    return {field: space[field].spell() for field in sorted(space)}


def spell_point(point: Point) -> str:
    """`learning-rate 0.001, width 16`."""
    return ", ".join(f"{name.replace('_', '-')} {spell(value)}" for name, value in point.items())


def point_options(point: Point) -> tuple[str, ...]:
    """The words that give `run` the point's values; `--name=value`, whatever the value."""
    return tuple(f"--{name.replace('_', '-')}={spell(value)}" for name, value in point.items())


ATTEMPTS = 1000
"""How often a refused or repeated point is drawn again before a search gives up."""


class Drawn(NamedTuple):
    """What a random search tries.

    `refused` is the message on the last refused point, where fewer were found than asked for.
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
    """
    points: list[dict[str, Any]] = []
    tried: set[tuple[Any, ...]] = set()
    refused = ""
    for trial in range(count):
        fresh = draw_fresh(space, seed, trial, tried, refuse)
        if isinstance(fresh, str):
            refused = fresh
            break
        points.append(fresh)
        tried.add(key_of(fresh))
    return Drawn(tuple(points), refused)


def draw_fresh(
    space: Space,
    seed: int,
    trial: int,
    tried: set[tuple[Any, ...]],
    refuse: Callable[[Point], list[str]],
) -> dict[str, Any] | str:
    """The first allowed point of a trial that was not tried before, or why none was found."""
    why = "every point of the space has been tried"
    for attempt in range(ATTEMPTS):
        point = draw(space, seed, trial, attempt)
        if key_of(point) in tried:
            continue
        messages = refuse(point)
        if not messages:
            return point
        why = messages[0]
    return why


def key_of(point: Point) -> tuple[Any, ...]:
    """A hashable key of a point of a space; 1, 1.0 and true are three values."""
    return tuple((field, type(point[field]).__name__, point[field]) for field in sorted(point))
