"""Rolling statistics and the test of a unit root, on series whose nature is known."""

from __future__ import annotations

import numpy as np
import pytest

from research.sequence.forecasts.stationarity import (
    SIGNIFICANCE,
    Season,
    find_season,
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
    none = Season(7, 0.0, False)
    assert verdict("This", still, none, "days").startswith("This looks stationary")
    told = verdict("This", walk, none, "days")
    assert told.startswith("Warning: This does not look stationary: a unit root cannot be rejected")


@pytest.mark.parametrize("amount", [1.0, 3.0])
def test_a_weekly_sine_is_not_called_stationary(noise, amount):
    """Its mean goes with the day; the test of a unit root rejects one and does not see that."""
    weekly = noise + amount * 2 * np.sin(2 * np.pi * np.arange(600) / 7)
    test, found = unit_root(weekly), find_season(weekly, 7)
    assert test.p_value < SIGNIFICANCE and found.significant
    told = verdict("This", test, found, "days")
    assert told.startswith(
        "Warning: This does not look stationary: its mean has a season of 7 days"
    )
    assert "a unit root is rejected" in told and "says nothing of seasons" in told
    # The controls: without a season, with one of another length, and wandering besides.
    assert not find_season(noise, 7).significant and not find_season(weekly, 5).significant
    assert not find_season(np.cumsum(noise), 7).significant
    both = np.cumsum(noise) + weekly
    assert find_season(both, 7).significant
    told = verdict("This", unit_root(both), find_season(both, 7), "days")
    assert "cannot be rejected" in told and ", and its mean has a season" in told


def test_chance_seldom_makes_a_season():
    generator = np.random.default_rng(1)
    seen = [find_season(generator.normal(size=300), 7).significant for _ in range(400)]
    assert np.mean(seen) < 0.02


def test_a_swing_slower_than_the_season_is_none():
    slow = np.sin(2 * np.pi * np.arange(600) / 100)
    assert find_season(slow, 7).correlation > 0.8 and not find_season(slow, 7).significant


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
