"""Figures of a few runs that no single run decides: Agarwal et al. 2021 (arXiv 2108.13264)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from research.engine.result import LEVEL

FEWEST = 4
"""Values of which a quarter can be left out at either end; the mean of fewer is what they have."""
RESAMPLES = 2000
"""Draws of the bootstrap: the ends of an interval then move by some hundredths of its width."""

COVERAGE = {4: 0.87, 5: 0.89, 6: 0.91, 7: 0.92, 8: 0.93, 9: 0.93}
"""Values of one task -> how often the 95 % bootstrap interval of their middle holds the true one.

Of normal draws, by simulation; from ten on it is .94. A sample of few values spreads less than what
it is drawn from, and the bootstrap knows nothing beyond the sample.
"""


class Middle(NamedTuple):
    """The mean of the middle half of some values.

    Attributes:
        n: how many finite values there are.
        mean: of those between the quartiles; NaN where there is none.
        low: lower end of its interval; None below two values.
        high: its upper end.
    """

    n: int
    mean: float
    low: float | None
    high: float | None

    @property
    def coverage(self) -> float | None:
        """How often an interval of so few values holds the true one; None where that is near .95.

        Of the values of one task; see `COVERAGE`.
        """
        return COVERAGE.get(self.n) if self.low != self.high else None


def spell_coverage(found: Middle) -> str:
    """`of 4 seeds it holds the true value in 87 of 100 cases, not in 95`; "" of ten or more."""
    if found.coverage is None:
        return ""
    return (
        f"of {found.n} seeds it holds the true value in {100 * found.coverage:.0f} of 100 cases, "
        "not in 95"
    )


def interquartile_mean(values: Sequence[float], level: float = LEVEL) -> Middle:
    """As `stratified_interquartile_mean`, of the runs of one task.

    Args:
        values: one a run. Those that are not finite count for nothing.
        level: the confidence of the interval.
    """
    return stratified_interquartile_mean([values], level)


def stratified_interquartile_mean(
    strata: Sequence[Sequence[float]], level: float = LEVEL, resamples: int = RESAMPLES
) -> Middle:
    """The mean of the middle half of all values, and its percentile bootstrap interval.

    A quarter of the values is left out at either end, rounded down: less efficient than the mean
    and less moved by one lucky run, more efficient than the median. The bootstrap draws runs anew
    within each task, so that every task keeps its weight. It is seeded: the same values always
    give the same interval.

    Args:
        strata: the values of each task, one a run. Those that are not finite count for nothing.
        level: the confidence of the interval.
        resamples: draws of the bootstrap.

    Source: Agarwal et al. 2021, sections 4.1 (stratified bootstrap) and 4.3 (IQM).
    """
    finite = [[float(value) for value in one if math.isfinite(value)] for one in strata]
    finite = [one for one in finite if one]
    everything = [value for one in finite for value in one]
    if not everything:
        return Middle(0, math.nan, None, None)
    import numpy as np
    from scipy import stats

    def middle(*samples: Any, axis: int = -1) -> Any:
        return stats.trim_mean(np.concatenate(samples, axis=axis), 0.25, axis=axis)

    mean = float(middle(*map(np.asarray, finite)))
    if any(len(one) < 2 for one in finite):
        return Middle(len(everything), mean, None, None)
    if all(len(set(one)) == 1 for one in finite):
        return Middle(len(everything), mean, mean, mean)
    interval = stats.bootstrap(
        finite,
        middle,
        n_resamples=resamples,
        vectorized=True,
        confidence_level=level,
        method="percentile",
        rng=np.random.default_rng(0),
    ).confidence_interval
    return Middle(len(everything), mean, float(interval.low), float(interval.high))


def performance_profile(values: Sequence[float]) -> tuple[list[float], list[float]]:
    """The share of runs whose return is above τ, for each τ at which it changes.

    Args:
        values: one a run. Those that are not finite count for nothing.

    Returns:
        The different values, ascending, and the share of runs above each: from there to the next
        value it stays the same. Below the first value it is 1, from the last on 0.

    Source: Agarwal et al. 2021, section 4.2 (run-score distributions), equation 1, of one task.
    """
    finite = [value for value in values if math.isfinite(value)]
    levels = sorted(set(finite))
    return levels, [sum(value > level for value in finite) / len(finite) for level in levels]
