"""The spread over seeds against closed forms, SciPy, and the promise that an interval makes."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from research.engine.result import spread

numbers = st.floats(-1e3, 1e3).map(lambda x: round(x, 4))
samples = st.lists(numbers, min_size=2, max_size=12)


def test_spread_of_two_values_in_closed_form():
    # With one degree of freedom t is Cauchy: its 97.5 % point is tan(0.475 pi).
    found = spread([1.0, 3.0])
    half = math.tan(0.475 * math.pi) * math.sqrt(2) / math.sqrt(2)
    assert found.mean == 2 and found.standard_deviation == pytest.approx(math.sqrt(2))
    assert found.half == pytest.approx(half, rel=1e-12)
    assert (found.low, found.high) == pytest.approx((2 - half, 2 + half), rel=1e-12)


@given(samples, st.sampled_from([0.5, 0.9, 0.95, 0.99]))
def test_spread_is_scipys(values, level):
    found = spread(values, level)
    assert found.mean == pytest.approx(np.mean(values), abs=1e-9)
    assert found.standard_deviation == pytest.approx(np.std(values, ddof=1), abs=1e-9)
    error = stats.sem(values)
    if error > 1e-9:
        low, high = stats.t.interval(level, len(values) - 1, np.mean(values), error)
        assert (found.low, found.high) == pytest.approx((low, high), rel=1e-9, abs=1e-9)


def test_spread_of_none_one_and_not_finite_values():
    assert math.isnan(spread([]).mean) and spread([]).n == 0
    one = spread([0.5])
    assert (one.n, one.mean, one.low, one.high, one.half) == (1, 0.5, None, None, None)
    some = spread([1.0, math.nan, 3.0, math.inf])
    assert (some.n, some.nonfinite, some.mean) == (2, 2, 2.0)
    assert spread([math.nan]).n == 0 and spread([math.nan]).nonfinite == 1
    same = spread([0.1 + 0.2, 0.3, 0.3])
    assert same.standard_deviation == 0 and same.low == same.high == same.mean


def coverage(interval, seeds, trials=3000):
    generator = np.random.default_rng(0)
    hits = 0
    for _ in range(trials):
        low, high = interval(generator.normal(5.0, 2.0, seeds))
        hits += low <= 5.0 <= high
    return hits / trials


@pytest.mark.parametrize("seeds", [2, 3, 5, 16])
def test_an_interval_covers_the_mean_as_often_as_it_says(seeds):
    def interval(values):
        found = spread(list(values))
        return found.low, found.high

    # Three standard errors of 3000 trials are 0.012.
    assert coverage(interval, seeds) == pytest.approx(0.95, abs=0.013)


def test_negative_control_a_normal_interval_of_few_seeds_covers_too_seldom():
    def interval(values):
        half = 1.96 * np.std(values, ddof=1) / math.sqrt(len(values))
        return np.mean(values) - half, np.mean(values) + half

    assert coverage(interval, 3) < 0.90
