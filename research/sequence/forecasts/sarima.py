"""SARIMA by statsmodels, one step ahead: an experiment without steps on ridership, on the host."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from typing import Annotated, NamedTuple, Self

import jax
import jax.numpy as jnp
import numpy as np

from research.engine.artifacts import Artifact, Lines
from research.engine.experiment import Data, Evaluation, Experiment, Hyperparameters, Key
from research.engine.untrained import keep_state, measure_nothing
from research.options.config import Config
from research.options.ranges import AMOUNT, COUNT, Range
from research.sequence.forecasts.ridership import UNIT, WEEK, Cut, read_ridership, ridership_sources
from research.sequence.forecasts.stationarity import show_stationarity


class Orders(NamedTuple):
    """Terms of a model, as Box and Jenkins count them.

    Attributes:
        plain: (autoregressive terms, differences, moving-average terms).
        seasonal: the same of values a season apart.
        season: steps in a season.
    """

    plain: tuple[int, int, int]
    seasonal: tuple[int, int, int]
    season: int


def one_step_forecasts(
    values: np.ndarray, known: int, orders: Orders, refit: int = 1, unit: float | None = None
) -> np.ndarray:
    """A model's forecast of each value after the first ones, from all values before it.

    The model is fitted by maximum likelihood to all values before the first forecast, and anew
    after every `refit` forecasts; in between its filter takes in each new value.

    Args:
        values: float `[time]`.
        known: values before the first forecast.
        orders: of the model.
        refit: forecasts between two fits.
        unit: what is 1 to the optimiser; the standard deviation of the known values if None. The
            estimate does not depend on it, and whether the optimiser gets there does: at numbers of
            hundreds of thousands it takes its start for the end.

    Returns:
        float64 `[time - known]`.

    Source: Box and Jenkins 1970, "Time Series Analysis", chapter 9; the likelihood by the Kalman
        filter as Durbin and Koopman 2012, section 3.4.
    """
    # Imported late: it takes a second.
    from statsmodels.tsa.arima.model import ARIMA
    from threadpoolctl import threadpool_limits

    if unit is None:
        unit = float(np.std(values[:known]))
    scaled, forecasts = values.astype(np.float64) / unit, []
    seasonal = (*orders.seasonal, orders.season)
    # One thread: matrices this small take many times as long with more, and the number of cores is
    # to be no part of the result.
    with threadpool_limits(1):
        for start in range(known, len(values), refit):
            fitted = ARIMA(scaled[:start], order=orders.plain, seasonal_order=seasonal).fit()
            coming = scaled[start : start + refit]
            # Of each value from those before it: `predict` within the sample is a step ahead.
            forecasts.append(fitted.append(coming).predict(start, start + len(coming) - 1))
    return unit * np.concatenate(forecasts)


SPLITS = ("validation", "test")
FEW = Range(0, 2)


class Untrained(NamedTuple):
    """A state that nothing depends on.

    Attributes:
        step: int32 scalar, 0.
    """

    step: jax.Array


class Forecasts(NamedTuple):
    """Forecasts of a split's days, and what came, in boardings.

    Attributes:
        truth: float64 `[days]`.
        forecast: float64 `[days]`.
        naive: float64 `[days]`, the values of a week before.
    """

    truth: np.ndarray
    forecast: np.ndarray
    naive: np.ndarray


@dataclass(frozen=True)
class RidershipSarima(Config):
    """Options of the model and of when it is fitted."""

    cut: Annotated[Cut, "the book's splits, or all days with gaps between the splits"] = "published"
    window: Annotated[int, "days of a split before the first that is forecast", Range(4 * WEEK)] = (
        59
    )
    history: Annotated[int, "days before a split that the model is fitted to, too", AMOUNT] = 365
    refit: Annotated[int, "days between two fits", COUNT] = 91
    unit: Annotated[int, "boardings that are 1 to the optimiser; 0 for their deviation", AMOUNT] = 0
    autoregressive: Annotated[int, "days before that a value depends on", Range(0, WEEK - 1)] = 1
    differences: Annotated[int, "how often neighbouring values are subtracted", FEW] = 0
    moving_average: Annotated[
        int, "days before whose forecast errors a value depends on", Range(0, WEEK - 1)
    ] = 0
    seasonal_autoregressive: Annotated[int, "weeks before that a value depends on", FEW] = 0
    seasonal_differences: Annotated[
        int, "how often values a week apart are subtracted", Range(0, 1)
    ] = 1
    seasonal_moving_average: Annotated[int, "weeks before whose forecast errors count", FEW] = 1

    @property
    def headline(self) -> str:
        """The figure of the book; the test years hold an epidemic."""
        return "validation/mae"

    @property
    def orders(self) -> Orders:
        """Of the model."""
        return Orders(
            (self.autoregressive, self.differences, self.moving_average),
            (self.seasonal_autoregressive, self.seasonal_differences, self.seasonal_moving_average),
            WEEK,
        )

    def smoke(self) -> Self:
        """One fit to few days."""
        return replace(self, window=80, history=0, refit=10_000)

    def make(self) -> Experiment:
        """An experiment that fits on the host, at the end of a run without steps.

        A fit is a search of statsmodels' optimiser in float64, no step of a compiled program: what
        the contract has for that is `judge`, whose figures `verify` makes again.

        Raises:
            Mistake: the data is not prepared, or a split is too short.
        """
        days = read_ridership(self.cut, self.window + 1)
        rail = UNIT * days.values[:, 0].astype(np.float64)
        unit = float(self.unit) or None

        @functools.cache
        def forecasts(split: str) -> Forecasts:
            start, stop = days.spans[split]
            first = max(0, start - self.history)
            values, known = rail[first:stop], start - first + self.window
            forecast = one_step_forecasts(values, known, self.orders, self.refit, unit)
            return Forecasts(values[known:], forecast, values[known - WEEK : -WEEK])

        def init(key: Key, hyperparameters: Hyperparameters) -> Untrained:
            del key, hyperparameters
            return Untrained(jnp.int32(0))

        def judge(state: Untrained, evaluation: Evaluation, key: Key) -> dict[str, float]:
            del state, evaluation, key
            figures = {}
            for split in SPLITS:
                truth, forecast, naive = forecasts(split)
                figures[f"{split}/mae"] = float(np.mean(np.abs(forecast - truth)))
                figures[f"{split}/naive_mae"] = float(np.mean(np.abs(naive - truth)))
            return figures

        def artifacts(state: Untrained, evaluation: Evaluation, key: Key) -> dict[str, Artifact]:
            del state, evaluation, key
            truth, forecast, naive = forecasts("validation")
            lines = Lines(
                "A day ahead in the validation set",
                np.arange(len(truth), dtype=np.float32),
                np.stack([truth, forecast, naive])[None].astype(np.float32),
                ("boardings", "forecast", "a week before"),
                f"days after {days.dates[days.spans['validation'].start + self.window]}",
            )
            stationarity = show_stationarity(
                "Rail boardings in training", rail[slice(*days.spans["train"])], WEEK, "days"
            )
            return {"forecasts": lines, "stationarity": stationarity}

        return Experiment(
            init=init,
            update=keep_state,
            evaluate=measure_nothing,
            steps=0,
            items_per_step=1,
            items="fits",
            data=Data(ridership_sources(days, self.window + 1, 1)),
            watched=(),
            final=(),
            judge=judge,
            artifacts=artifacts,
        )
