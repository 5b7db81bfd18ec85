"""One-step forecasts of a seasonal model, against statsmodels step by step."""

from __future__ import annotations

import numpy as np
import pytest

from research.sequence.forecasts.sarima import Orders, one_step_forecasts

ORDERS = Orders((1, 0, 0), (0, 1, 1), 7)


@pytest.fixture(scope="module")
def series():
    """Ten weeks that come again, with noise that remembers."""
    generator, noise = np.random.default_rng(0), [0.0]
    for _ in range(69):
        noise.append(0.6 * noise[-1] + generator.normal())
    return 1e4 * (20 + np.tile([5, 5, 5, 5, 5, 0, -3], 10) + np.array(noise))


@pytest.mark.parametrize("refit", [1, 3, 100])
def test_they_are_statsmodels_own(series, refit):
    from statsmodels.tsa.arima.model import ARIMA

    known, unit = 64, 2e4
    found = one_step_forecasts(series, known, ORDERS, refit, unit)
    expected = []
    for now in range(known, len(series)):
        if (now - known) % refit == 0:
            model = ARIMA(series[:now] / unit, order=(1, 0, 0), seasonal_order=(0, 1, 1, 7))
            fitted = model.fit()
        else:
            fitted = fitted.append(series[now - 1 : now] / unit)
        expected.append(unit * fitted.forecast(1)[0])
    np.testing.assert_allclose(found, expected, rtol=1e-8)


def test_a_forecast_knows_nothing_of_its_day_or_later(series):
    changed = series.copy()
    changed[66:] += 1e5
    found, other = (one_step_forecasts(each, 64, ORDERS, 100) for each in (series, changed))
    np.testing.assert_array_equal(found[:3], other[:3])
    assert np.all(found[3:] != other[3:])


def test_boardings_or_millions_of_them_are_the_same_to_it(series):
    found = one_step_forecasts(series, 64, ORDERS, 100)
    scaled = one_step_forecasts(series / 1e6, 64, ORDERS, 100)
    np.testing.assert_allclose(found, 1e6 * scaled, rtol=1e-4)


def test_twice_is_the_same(series):
    once, again = (one_step_forecasts(series, 64, ORDERS, 2) for _ in range(2))
    np.testing.assert_array_equal(once, again)
