"""Tests of whether two means over seeds differ, and their correction where there are several."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from research.engine.result import LEVEL, is_constant, spread


class Difference(NamedTuple):
    """A test of whether two means differ.

    Attributes:
        method: `Welch`, `paired`, or "" where there is no test.
        reason: why there is none, or "".
        difference: mean of the left less mean of the right; NaN where one has no values.
        low: lower end of the difference's interval; None without a test.
        high: its upper end.
        p: two-sided p-value; None without a test.
        adjusted: the p-value after Holm's correction; `p` itself where nothing was corrected.
        effect: difference over standard deviation, corrected for small samples (Hedges): over the
            root of the mean of both variances for Welch, over that of the differences if paired.
        n_left: seeds that counted on the left.
        n_right: seeds that counted on the right.
    """

    method: Literal["Welch", "paired", ""]
    reason: str
    difference: float
    low: float | None
    high: float | None
    p: float | None
    adjusted: float | None
    effect: float | None
    n_left: int
    n_right: int

    @property
    def significant(self) -> bool:
        """Whether the difference is shown at `LEVEL`."""
        return self.adjusted is not None and self.adjusted < 1 - LEVEL


def compare_means(
    left: Mapping[int, float],
    right: Mapping[int, float],
    level: float = LEVEL,
    *,
    pairable: bool = True,
) -> Difference:
    """Test whether two groups differ in their mean: paired where their seeds are the same.

    Args:
        left: seed -> value. Values that are not finite count for nothing.
        right: seed -> value.
        level: the confidence of the interval.
        pairable: whether the same seed means something in both: the same data order, say.

    Source:
        Welch 1947, "The generalization of Student's problem when several different population
        variances are involved"; Hedges 1981 for the effect size.
    """
    left = {seed: value for seed, value in left.items() if math.isfinite(value)}
    right = {seed: value for seed, value in right.items() if math.isfinite(value)}
    a, b = [left[seed] for seed in sorted(left)], [right[seed] for seed in sorted(right)]
    paired = pairable and left.keys() == right.keys()
    none = _untested(a, b, paired)
    if none is not None:
        return none
    from scipy import stats

    # Only differences count, and they are exacter where the values are small.
    a, b = [x - b[0] for x in a], [y - b[0] for y in b]
    with warnings.catch_warnings():
        # Values that are nearly constant beside their mean: `_untested` has met the worst of it.
        warnings.filterwarnings("ignore", "Precision loss", RuntimeWarning)
        if paired:
            found = stats.ttest_rel(a, b)
            deviation = _deviation([x - y for x, y in zip(a, b, strict=True)])
            freedom = len(a) - 1
        else:
            found = stats.ttest_ind(a, b, equal_var=False)
            deviation = math.sqrt((_deviation(a) ** 2 + _deviation(b) ** 2) / 2)
            freedom = len(a) + len(b) - 2
        interval = found.confidence_interval(level)
    difference, p = _mean(a) - _mean(b), float(found.pvalue)
    effect = difference / deviation * (1 - 3 / (4 * freedom - 1)) if deviation else None
    return Difference(
        "paired" if paired else "Welch",
        "",
        difference,
        float(interval.low),
        float(interval.high),
        p,
        p,
        effect,
        len(a),
        len(b),
    )


def _untested(a: Sequence[float], b: Sequence[float], paired: bool) -> Difference | None:
    """The outcome where no test can be made, or None where one can."""
    if not a or not b:
        reason = "without a finite value"
    elif len(a) == len(b) == 1:
        reason = "one seed each"
    elif len(a) < 2 or len(b) < 2:
        reason = "one seed on one side"
    elif is_constant(a) and is_constant(b):
        reason = "no seed differs from another"
    elif paired and is_constant([x - y for x, y in zip(a, b, strict=True)], (*a, *b)):
        reason = "the difference is the same for every seed"
    else:
        return None
    difference = _mean(a) - _mean(b) if a and b else math.nan
    return Difference("", reason, difference, None, None, None, None, None, len(a), len(b))


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Holm's correction for several tests: adjusted p-values in the same order.

    Args:
        p_values: None where no test was made; those count for nothing.

    Source:
        Holm 1979, "A simple sequentially rejective multiple test procedure".
    """
    made = sorted((p, at) for at, p in enumerate(p_values) if p is not None)
    adjusted: list[float | None] = [None] * len(p_values)
    largest = 0.0
    for rank, (p, at) in enumerate(made):
        largest = max(largest, min(1.0, (len(made) - rank) * p))
        adjusted[at] = largest
    return adjusted


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def _deviation(values: Sequence[float]) -> float:
    return spread(values).standard_deviation or 0.0
