"""The classical forecaster on the ridership series: its figures, day by day."""

from __future__ import annotations

from dataclasses import replace

import jax
import numpy as np
import pytest

from experiments.sequence.ridership_sarima import config
from research.data.tfds_split import TfdsSplit
from research.errors import Mistake
from research.options.config import make_experiment, problems_of
from research.sequence.forecasts import sarima
from research.sequence.forecasts.ridership import DATASET


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
