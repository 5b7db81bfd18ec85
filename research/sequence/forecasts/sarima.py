"""SARIMA: seasonal autoregression and moving averages, one step ahead, by statsmodels."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


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
