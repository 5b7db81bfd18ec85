"""A seasonal autoregressive moving-average model forecasts ridership a day ahead: no net at all.

Boardings of Chicago's trains (Géron's chapter 15, third edition), ARIMA (1, 0, 0) with a season of
a week, (0, 1, 1), fitted by statsmodels on the host to a year before the split and what came since.
Validation is March to May 2019, as in the book; nothing is drawn, so every seed is the same run.
`--history 0 --refit 1 --unit 1` is what the book does: it gives the book's figure, from fits whose
optimiser stops early.

Run: python launch.py run sequence/ridership_sarima
Expected: validation mae 31,166 (32,041 in Géron, 3rd edition, chapter 15), test 29,057
Time: 10 s
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated

from research.engine.experiment import Experiment
from research.options.ranges import AMOUNT, COUNT, Range, out_of_range
from research.sequence.forecasts.ridership import WEEK, Cut
from research.sequence.forecasts.ridership_sarima import make_ridership_sarima
from research.sequence.forecasts.sarima import Orders

__all__ = ["Config", "make", "smoke", "validate"]


@dataclass(frozen=True)
class Config:
    """What can be chosen."""

    cut: Annotated[Cut, "the book's splits, or all days with gaps between the splits"] = "published"
    window: Annotated[int, "days of a split before the first that is forecast"] = 59
    history: Annotated[int, "days before a split that the model is fitted to, too"] = 365
    refit: Annotated[int, "days between two fits"] = 91
    unit: Annotated[int, "boardings that are 1 to the optimiser; 0 for their deviation"] = 0
    autoregressive: Annotated[int, "days before that a value depends on"] = 1
    differences: Annotated[int, "how often neighbouring values are subtracted"] = 0
    moving_average: Annotated[int, "days before whose surprises a value depends on"] = 0
    seasonal_autoregressive: Annotated[int, "weeks before that a value depends on"] = 0
    seasonal_differences: Annotated[int, "how often values a week apart are subtracted"] = 1
    seasonal_moving_average: Annotated[int, "weeks before whose surprises count"] = 1


def validate(config: Config) -> list[str]:
    """What is out of range, a message each."""
    few = Range(0, 2)
    ranges = {
        "window": Range(4 * WEEK),
        "history": AMOUNT,
        "refit": COUNT,
        "unit": AMOUNT,
        "autoregressive": Range(0, WEEK - 1),
        "differences": few,
        "moving_average": Range(0, WEEK - 1),
        "seasonal_autoregressive": few,
        "seasonal_differences": Range(0, 1),
        "seasonal_moving_average": few,
    }
    return out_of_range(config, ranges)


def smoke(config: Config) -> Config:
    """One fit to few days."""
    return replace(config, window=80, history=0, refit=10_000)


def make(config: Config) -> Experiment:
    """The model of the chosen orders."""
    orders = Orders(
        (config.autoregressive, config.differences, config.moving_average),
        (
            config.seasonal_autoregressive,
            config.seasonal_differences,
            config.seasonal_moving_average,
        ),
        WEEK,
    )
    return make_ridership_sarima(
        orders, config.cut, config.window, config.history, config.refit, config.unit
    )
