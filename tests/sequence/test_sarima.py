"""SARIMA: one-step forecasts against statsmodels, and its figures on the ridership series."""

from __future__ import annotations

from dataclasses import replace

import jax
import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from experiments.sequence.ridership_sarima import config
from research.data.tfds_split import TfdsSplit
from research.errors import Mistake
from research.options.config import make_experiment, problems_of
from research.sequence.forecasts import sarima
from research.sequence.forecasts.ridership import DATASET
from research.sequence.forecasts.sarima import Orders, one_step_forecasts

ORDERS = Orders((1, 0, 0), (0, 1, 1), 7)


@pytest.fixture(scope="module")
def series():
    """Ten weeks that come again, with noise that remembers."""
    generator, noise = np.random.default_rng(0), [0.0]
    for _ in range(69):
        noise.append(0.6 * noise[-1] + generator.normal())
    return 1e4 * (20 + np.tile([5, 5, 5, 5, 5, 0, -3], 10) + np.array(noise))


@pytest.fixture(autouse=True)
def one_thread():
    """As what is tested, and the oracle takes a fraction of the time."""
    with threadpool_limits(1):
        yield


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
    """A million as computers count: others round, and the optimiser ends a little elsewhere."""
    million = 2.0**20
    found = one_step_forecasts(series, 64, ORDERS, 100)
    scaled = one_step_forecasts(series / million, 64, ORDERS, 100)
    np.testing.assert_array_equal(found, million * scaled)
    # The control: in a unit of its own it is another search.
    fixed = one_step_forecasts(series / million, 64, ORDERS, 100, unit=0.02)
    assert np.all(found != million * fixed)


def test_twice_is_the_same(series):
    once, again = (one_step_forecasts(series, 64, ORDERS, 2) for _ in range(2))
    np.testing.assert_array_equal(once, again)


@pytest.fixture(scope="module")
def rail():
    """Boardings from 2019 to May."""
    try:
        columns = TfdsSplit(DATASET, "train").load()
    except Mistake as missing:
        pytest.skip(str(missing).splitlines()[0])
    (start,) = np.flatnonzero(columns["service_date"] == b"2019-01-01")
    return columns["rail_boardings"][start : start + 151].astype(np.float64)


def test_its_error_is_that_of_statsmodels_own_forecasts(rail, monkeypatch):
    """The last five days of validation, fitted before the first of them, and the days before."""
    from statsmodels.tsa.arima.model import ARIMA

    monkeypatch.setattr(sarima, "SPLITS", ("validation",))
    experiment = make_experiment(replace(config, window=146, history=0, refit=100, unit=100_000))
    measured = experiment.judge(jax.jit(experiment.init)(jax.random.key(0), {}), None, None)
    scaled = rail / 100_000
    fitted = ARIMA(scaled[:146], order=(1, 0, 0), seasonal_order=(0, 1, 1, 7)).fit()
    said = []
    for day in range(146, 151):
        said.append(100_000 * fitted.forecast(1)[0])
        fitted = fitted.append(scaled[day : day + 1])
    expected = np.mean(np.abs(said - rail[146:]))
    assert measured["validation/mae"] == pytest.approx(expected, rel=1e-4)
    naive = np.mean(np.abs(rail[139:144] - rail[146:]))
    assert measured["validation/naive_mae"] == pytest.approx(naive, rel=1e-4)


def test_history_is_the_days_right_before_a_split(rail, monkeypatch):
    seen = []

    def note(values, known, *others):
        seen.append((values, known))
        return values[known:]

    monkeypatch.setattr(sarima, "one_step_forecasts", note)
    for cut in ("published", "gaps"):
        experiment = make_experiment(replace(config, cut=cut, history=30, window=60))
        assert experiment.judge(None, None, None)["validation/mae"] == 0
    values, known = seen[0]
    assert known == 90 and len(values) == 30 + 151
    np.testing.assert_allclose(values[30:], rail, atol=0.1)
    record = TfdsSplit(DATASET, "train").load()["rail_boardings"]
    for values, _ in seen:
        starts = np.flatnonzero(np.abs(record - values[0]) < 0.1)
        stretches = [record[start : start + len(values)] for start in starts]
        assert any(len(s) == len(values) and np.allclose(s, values, atol=0.1) for s in stretches)


def test_a_split_that_is_too_short_is_told(rail):
    with pytest.raises(Mistake, match="fewer than a window of 152"):
        make_experiment(replace(config, window=151))


def test_options_out_of_range_are_named():
    wrong = replace(config, window=7, refit=0, seasonal_differences=2, history=-1)
    problems = " ".join(problems_of(wrong))
    for name in ("window", "refit", "seasonal-differences", "history"):
        assert f"--{name} " in problems
    assert not problems_of(config) and not problems_of(config.smoke())
