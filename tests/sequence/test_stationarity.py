"""Rolling statistics and the test of a unit root, on series whose nature is known."""

from __future__ import annotations

import numpy as np
import pytest

from research.sequence.forecasts.stationarity import (
    SIGNIFICANCE,
    rolling,
    show_stationarity,
    unit_root,
    verdict,
)


@pytest.fixture
def noise():
    return np.random.default_rng(0).normal(size=600)


def test_rolling_is_each_stretchs_own_mean_and_variance(noise):
    mean, variance = rolling(noise, 28)
    assert np.isnan(mean[:27]).all() and np.isnan(variance[:27]).all()
    for end in (27, 300, 599):
        stretch = noise[end - 27 : end + 1]
        assert mean[end] == pytest.approx(np.mean(stretch))
        assert variance[end] == pytest.approx(np.var(stretch, ddof=1))


@pytest.mark.parametrize("window", [1, 601])
def test_a_rolling_window_that_does_not_fit_is_refused(noise, window):
    with pytest.raises(ValueError, match="rolling window"):
        rolling(noise, window)


def test_white_noise_is_stationary_and_a_random_walk_is_not(noise):
    still, walk = unit_root(noise), unit_root(np.cumsum(noise))
    assert still.p_value < 1e-6 and walk.p_value > SIGNIFICANCE
    assert verdict("This", still).startswith("This looks stationary")
    assert verdict("This", walk).startswith("Warning: This does not look stationary")


def test_the_statistic_without_lags_is_the_t_value_of_its_regression(noise):
    """Of the difference on the value before and a constant, by least squares."""
    from statsmodels.tsa.stattools import adfuller

    walk = np.cumsum(noise)
    before, change = walk[:-1], np.diff(walk)
    design = np.stack([before, np.ones_like(before)], axis=1)
    slope, *_ = np.linalg.lstsq(design, change, rcond=None)
    left = change - design @ slope
    covariance = left @ left / (len(change) - 2) * np.linalg.inv(design.T @ design)
    found = adfuller(walk, maxlag=0, regression="c", autolag=None, result_object=False)[0]
    assert found == pytest.approx(slope[0] / covariance[0, 0] ** 0.5)


def test_a_report_says_which_of_the_two_is_stationary(noise):
    walk = np.cumsum(noise)
    shown = show_stationarity("A walk", walk, 7, "days")
    assert shown.y.shape == (2, 3, 600) and len(shown.panels) == 2
    assert np.isnan(shown.y[1, 0, :7]).all() and not np.isnan(shown.y[1, 0, 7:]).any()
    np.testing.assert_allclose(shown.y[1, 0, 7:], walk[7:] - walk[:-7], rtol=1e-5, atol=1e-5)
    mean, variance = rolling(walk, 28)
    np.testing.assert_allclose(shown.y[0, 1], mean, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(shown.y[0, 2], np.sqrt(variance), rtol=1e-5)
    assert shown.note.startswith("Warning: The series does not look stationary")
    assert "Its difference over 7 days looks stationary" in shown.note


def test_a_constant_series_is_refused():
    with pytest.raises(ValueError, match="constant"):
        unit_root(np.ones(100))
