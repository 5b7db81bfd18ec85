"""Stationarity of a series: rolling mean and variance, tests for a unit root and a season."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from research.engine.artifacts import Lines

SIGNIFICANCE = 0.05
"""Of the test: above it a unit root is not rejected."""
ROLLING_SEASONS = 4
"""Seasons in a rolling window of `show_stationarity`."""


class UnitRoot(NamedTuple):
    """The result of the augmented Dickey-Fuller test.

    Attributes:
        statistic: of the test; the lower, the less likely a unit root.
        p_value: of a unit root.
        lags: of the differences that the regression holds, chosen by Akaike's criterion.
        observations: that it rests on.
    """

    statistic: float
    p_value: float
    lags: int
    observations: int


def rolling(values: np.ndarray, window: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance of each stretch of `window` steps, by the day that ends it.

    Both are float64 `[time]`, NaN before the first stretch is whole; the variance is without bias.

    Raises:
        ValueError: the window is shorter than 2, or longer than the series.
    """
    if not 2 <= window <= len(values):
        raise ValueError(f"a rolling window of {window} in a series of {len(values)}")
    stretches = np.lib.stride_tricks.sliding_window_view(values.astype(np.float64), window)
    before = np.full(window - 1, np.nan)
    return (
        np.concatenate([before, stretches.mean(axis=1)]),
        np.concatenate([before, stretches.var(axis=1, ddof=1)]),
    )


def unit_root(values: np.ndarray) -> UnitRoot:
    """The augmented Dickey-Fuller test with a constant, of a series `[time]`.

    Raises:
        ValueError: the series is constant, or too short for the regression.

    Source: Said and Dickey 1984, "Testing for unit roots in autoregressive-moving average models
        of unknown order"; p-values by MacKinnon 1994, 2010, as statsmodels has them.
    """
    # Imported late: it takes a second.
    from statsmodels.tsa.stattools import adfuller
    from threadpoolctl import threadpool_limits

    # One thread: the number of cores is to be no part of the result.
    with threadpool_limits(1):
        statistic, p_value, lags, observations, *_ = adfuller(
            values.astype(np.float64), regression="c", autolag="AIC", result_object=False
        )
    return UnitRoot(float(statistic), float(p_value), int(lags), int(observations))


class Season(NamedTuple):
    """A season of a series, of so many steps.

    Attributes:
        length: steps.
        correlation: of the series' changes with those a season earlier, from -1 to 1.
        significant: whether that is more than chance makes it, and than a step sooner or later.
    """

    length: int
    correlation: float
    significant: bool


def find_season(values: np.ndarray, length: int) -> Season:
    """Looks for a season in the changes from step to step, in which a unit root has no part.

    The series is not constant, and the season at least 2 steps and at most a third of it.

    Source: Box & Jenkins 1970, chapter 2: the sample autocorrelation, and its deviation of about
        1 / sqrt(time) where there is none; three of these are asked for.
    """
    changes = np.diff(values.astype(np.float64))
    changes -= changes.mean()

    def correlation(lag: int) -> float:
        return float(np.sum(changes[lag:] * changes[:-lag]) / np.sum(changes**2))

    found = correlation(length)
    beside = max(correlation(length - 1), correlation(length + 1))
    return Season(length, found, found > max(beside, 3 / np.sqrt(len(changes))))


def verdict(whose: str, test: UnitRoot, season: Season, step: str) -> str:
    """The result in words, a warning first where a series does not look stationary.

    The test rejects a unit root and nothing else: a series whose mean goes with the day of the week
    passes it. `whose` is the series, as the beginning of a sentence, and `step` the unit of time,
    in the plural.
    """
    figures = (
        f"augmented Dickey-Fuller {test.statistic:.2f}, p = {test.p_value:.2g}, {test.lags} lags"
    )
    every = f"{season.length} {step}"
    correlated = f"correlation {season.correlation:.2f} of changes with those {every} earlier"
    wanders = test.p_value > SIGNIFICANCE
    if not wanders and not season.significant:
        return (
            f"{whose} looks stationary: a unit root is rejected ({figures}), and no season of "
            f"{every} is found ({correlated})."
        )
    root = f"a unit root {'cannot be' if wanders else 'is'} rejected ({figures})"
    reasons = [root] if wanders else []
    reasons += [f"its mean has a season of {every} ({correlated})"] if season.significant else []
    beside = "" if wanders else f"; {root}, which says nothing of seasons"
    return f"Warning: {whose} does not look stationary: {', and '.join(reasons)}{beside}."


def show_stationarity(title: str, values: np.ndarray, period: int, step: str) -> Lines:
    """A series and its difference over a season, with rolling mean and deviation, and the tests.

    The series is of more than `ROLLING_SEASONS + 1` seasons of `period` steps; `step` is the unit
    of time, in the plural.
    """
    values = values.astype(np.float64)
    difference = values[period:] - values[:-period]
    window = ROLLING_SEASONS * period
    y, sentences = np.full((2, 3, len(values)), np.nan, np.float32), []
    named = {"The series": values, f"Its difference over {period} {step}": difference}
    for panel, (name, each) in enumerate(named.items()):
        mean, variance = rolling(each, window)
        y[panel, :, len(values) - len(each) :] = each, mean, np.sqrt(variance)
        sentences.append(verdict(name, unit_root(each), find_season(each, period), step))
    return Lines(
        f"{title}: is the series stationary?",
        np.arange(len(values), dtype=np.float32),
        y,
        ("value", f"mean of {window} {step}", f"standard deviation of {window} {step}"),
        step,
        tuple(named),
        " ".join(sentences),
    )
