"""Figures, values and names as people read them: one spelling for the terminal and the page."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from research.engine.result import Spread
from research.options.convert import spell
from research.runs.intervals import Bounds, ends_of

if TYPE_CHECKING:
    from research.runs.robust import Middle

ABSENT = "–"
"""What stands for a figure or a field that there is not."""


def spell_figure(value: Any) -> str:
    """Four significant digits, whole numbers whole; of a list, mean ± standard deviation."""
    if value is None:
        return ABSENT
    if isinstance(value, list):
        known = [one for one in value if isinstance(one, int | float)]
        if len(known) < 2:
            return spell_figure(known[0] if known else None)
        return f"{spell_figure(statistics.fmean(known))} ± {statistics.stdev(known):.2g}"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if abs(value) < 1e15 and value == int(value):
        return f"{int(value):,}"
    return f"{value:.4g}"


def spell_spread(found: Spread) -> str:
    """`0.9956 ± 0.0039`: two digits of the interval, and the mean to the same place.

    The mean alone of one seed; `–` of none.
    """
    if not found.n:
        return "not finite" if found.nonfinite else ABSENT
    if found.half is None:
        return spell_figure(found.mean)
    if found.half == 0:
        return f"{spell_figure(found.mean)} ± 0"
    decimals = decimals_of(found.half)
    if decimals > 9 or abs(found.mean) >= 1e9:
        return f"{found.mean:.4g} ± {found.half:.2g}"
    return f"{found.mean:,.{decimals}f} ± {found.half:,.{decimals}f}"


def spell_parts(found: Spread, bounds: Bounds) -> tuple[str, str, str]:
    """Mean, interval and standard deviation with as many digits as the interval bears.

    The interval is cut at what the figure can be.
    """
    if found.half is None or found.standard_deviation is None:
        return spell_spread(found), "one seed" if found.n else "", ""
    if not found.half:
        return spell_figure(found.mean), "all the same", "0"
    decimals = decimals_of(found.half)
    ends = ends_of(found.mean, found.half, bounds)
    mean, low, high = (f"{value:,.{decimals}f}" for value in (found.mean, ends.low, ends.high))
    return mean, f"{low} to {high}", f"{found.standard_deviation:,.{decimals}f}"


def spell_middle(found: Middle | None) -> str:
    """`0.956 (0.951 to 0.962)`; "" where there are too few seeds."""
    if found is None or found.low is None or found.high is None:
        return ""
    if found.low == found.high:
        return spell_figure(found.mean)
    decimals = decimals_of((found.high - found.low) / 2)
    mean, low, high = (f"{value:,.{decimals}f}" for value in (found.mean, found.low, found.high))
    return f"{mean} ({low} to {high})"


def decimals_of(half: float) -> int:
    """Decimals that show an interval's half-width to two significant digits."""
    if not math.isfinite(half) or half <= 0:
        return 4
    return min(max(1 - math.floor(math.log10(half)), 0), 12)


def spell_p(p: float) -> str:
    """`p = .003`, `p < .001`."""
    if p < 0.001:
        return "p < .001"
    text = f"{p:.3f}" if p < 0.0995 else f"{p:.2f}"
    return f"p = {text.removeprefix('0')}"


def spell_effect(effect: float) -> str:
    """Two digits of its amount: `0.31`, `330`."""
    amount = abs(effect)
    return f"{amount:.2g}" if amount < 99.5 else f"{amount:.0f}"


NOTICEABLE = 0.05
"""The part of a run's time that steps must have waited for data before anybody is told of it."""
_NOTICEABLE_SECONDS = 1.0


def spell_waiting(waited: Mapping[str, Any] | None, *, remedy: bool) -> str:
    """What steps waited for, as `result.json` has it; "" where it is too little to matter.

    The wait for a first window counts for nothing here: every run has one.
    """
    if not waited:
        return ""
    try:
        share, slowest = waited["share_after_first"], waited["slowest"]
        stages = waited["stages"]
        if share <= NOTICEABLE or stages[slowest] < _NOTICEABLE_SECONDS:
            return ""
        words = f"{100 * share:.0f} % of the time"
        if not remedy:
            return f"waiting for data {words} ({slowest})"
        each = ", ".join(f"{name} {stages[name]:.1f} s" for name in stages if name != "first")
        return f"{words} for data ({each}): {waited['remedy']}"
    except (KeyError, TypeError, ValueError):  # somebody else's hand in the file
        return ""


def spell_name(name: str) -> str:
    """`test accuracy` of `test/accuracy`."""
    return name.replace("/", " ").replace("_", " ")


def spell_field(name: str, value: Any) -> str:
    """A field of a config and its value: `batch-size 32`, `widths 32,64`."""
    return f"{name.replace('_', '-')} {spell(value)}"


def spell_seeds(seeds: Sequence[int]) -> str:
    """`0-4`, `0-3,7`."""
    parts: list[list[int]] = []
    for seed in seeds:
        if parts and seed == parts[-1][1] + 1:
            parts[-1][1] = seed
        else:
            parts.append([seed, seed])
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in parts)
