"""Means over seeds with Student's intervals, and tests of their differences."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

LEVEL = 0.95
"""The confidence of every interval, and what a difference has to reach to be shown."""
_ROUNDING = 1e-12
"""A spread below this part of the values is that of rounding, not of seeds."""


class Spread(NamedTuple):
    """What the values of some seeds tell of their mean.

    Attributes:
        n: how many finite values there are.
        mean: their mean; NaN where there is none.
        standard_deviation: of the sample (divisor n - 1); None below two values.
        low: lower end of the mean's interval; None below two values.
        high: its upper end.
        nonfinite: how many values were NaN or infinite; they are in none of the above.
    """

    n: int
    mean: float
    standard_deviation: float | None
    low: float | None
    high: float | None
    nonfinite: int

    @property
    def half(self) -> float | None:
        """Half the width of the interval: what stands after ±."""
        return None if self.low is None or self.high is None else (self.high - self.low) / 2


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
    def shown(self) -> bool:
        """Whether the difference is shown at `LEVEL`."""
        return self.adjusted is not None and self.adjusted < 1 - LEVEL


def spread(values: Sequence[float], level: float = LEVEL) -> Spread:
    """Mean, standard deviation and Student's interval of the mean.

    Args:
        values: one a seed, taken as independent draws of a normal distribution.
        level: the confidence of the interval.
    """
    finite = [float(value) for value in values if math.isfinite(value)]
    n, lost = len(finite), len(values) - len(finite)
    mean = math.fsum(finite) / n if n else math.nan
    if n < 2:
        return Spread(n, mean, None, None, None, lost)
    # Scipy's tables alone: `scipy.stats` takes several times as long to import.
    from scipy.special import stdtrit

    squares = 0.0 if _is_constant(finite) else math.fsum((value - mean) ** 2 for value in finite)
    deviation = math.sqrt(squares / (n - 1))
    half = float(stdtrit(n - 1, (1 + level) / 2)) * deviation / math.sqrt(n)
    return Spread(n, mean, deviation, mean - half, mean + half, lost)


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
    elif _is_constant(a) and _is_constant(b):
        reason = "no seed differs from another"
    elif paired and _is_constant([x - y for x, y in zip(a, b, strict=True)], (*a, *b)):
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


def _is_constant(values: Sequence[float], scale: Sequence[float] = ()) -> bool:
    largest = max(abs(value) for value in (*values, *scale))
    return max(values) - min(values) <= _ROUNDING * largest


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def _deviation(values: Sequence[float]) -> float:
    return spread(values).standard_deviation or 0.0
