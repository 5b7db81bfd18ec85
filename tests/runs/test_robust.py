"""The interquartile mean and its interval against closed forms, and what an interval promises."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from research.runs.robust import (
    COVERAGE,
    interquartile_mean,
    performance_profile,
    spell_coverage,
    stratified_interquartile_mean,
)

numbers = st.floats(-1e3, 1e3).map(lambda x: round(x, 3))


def test_of_eight_values_the_middle_four_count():
    values = [100.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, -900.0]
    found = interquartile_mean(values)
    assert (found.n, found.mean) == (8, 3.5)
    assert np.mean(values) == -97.375, "the mean is at the mercy of two of them"
    assert found.low < 3.5 < found.high


@given(st.lists(numbers, min_size=1, max_size=12))
def test_a_quarter_is_left_out_at_either_end_and_order_is_nothing(values):
    ordered = sorted(values)
    out = len(values) // 4
    expected = np.mean(ordered[out : len(values) - out])
    assert interquartile_mean(values).mean == pytest.approx(expected, abs=1e-9)
    assert interquartile_mean(ordered[::-1]).mean == pytest.approx(expected, abs=1e-9)
    other = stratified_interquartile_mean([ordered[:1], ordered[1:]])
    assert other.mean == pytest.approx(expected, abs=1e-9), "tasks are pooled"


def test_the_bootstrap_of_two_values_in_closed_form():
    # Two draws of two values: 0, 1/2 and 1 with 1/4, 1/2 and 1/4. Inner quantiles are known.
    found = interquartile_mean([0.0, 1.0], level=0.4)
    assert (found.low, found.high) == (0.5, 0.5)
    found = interquartile_mean([0.0, 1.0], level=0.6)
    assert (found.low, found.high) == (0.0, 1.0)
    assert interquartile_mean([0.0, 1.0], level=0.6) == found, "it is seeded"


def test_runs_are_drawn_anew_within_each_task_alone():
    # Each task is one value of its own: drawn within tasks, nothing ever differs.
    apart = stratified_interquartile_mean([[0.0] * 4, [1.0] * 4])
    assert (apart.mean, apart.low, apart.high) == (0.5, 0.5, 0.5)
    pooled = interquartile_mean([0.0] * 4 + [1.0] * 4)
    assert pooled.mean == 0.5 and pooled.low < 0.3 and pooled.high > 0.7


def test_none_one_and_not_finite_values():
    assert interquartile_mean([]).n == 0 and math.isnan(interquartile_mean([math.nan]).mean)
    assert interquartile_mean([2.0, math.inf])[:3] == (1, 2.0, None)
    assert interquartile_mean([2.0, 2.0]) == (2, 2.0, 2.0, 2.0)


def test_an_interval_of_a_uniform_distribution_holds_its_middle():
    generator, hits, trials = np.random.default_rng(0), 0, 300
    for _ in range(trials):
        found = stratified_interquartile_mean([generator.uniform(size=24).tolist()], resamples=400)
        hits += found.low <= 0.5 <= found.high
    # A percentile interval of so few values promises a little less than its level.
    assert 0.88 < hits / trials < 0.985


@given(st.lists(numbers, min_size=1, max_size=12), numbers)
def test_a_profile_is_the_share_above_each_level(values, level):
    levels, shares = performance_profile([*values, math.nan])
    assert levels == sorted(set(values)) and shares[-1] == 0
    expected = np.mean(np.array(values) > level)
    at = np.searchsorted(levels, level, side="right") - 1
    assert (1.0 if at < 0 else shares[at]) == pytest.approx(expected)
    assert performance_profile([math.nan]) == ([], [])


def test_an_interval_of_few_seeds_promises_less_and_says_so():
    """The share of intervals that hold the mean of what was drawn, by simulation: not .95."""
    generator = np.random.default_rng(3)
    for n in (4, 6, 9):
        found = [interquartile_mean(generator.normal(size=n).tolist()) for _ in range(600)]
        held = np.mean([one.low <= 0 <= one.high for one in found])
        # Three standard deviations of a share of 600.
        assert held == pytest.approx(COVERAGE[n], abs=0.04)
        assert found[0].coverage == COVERAGE[n]
    assert COVERAGE[4] < COVERAGE[9] < 0.95
    text = spell_coverage(interquartile_mean([1.0, 2.0, 4.0, 8.0]))
    assert text == "of 4 seeds it holds the true value in 87 of 100 cases, not in 95"
    # The controls: of ten there is nothing to say, nor of values that are all the same.
    assert spell_coverage(interquartile_mean(generator.normal(size=10).tolist())) == ""
    assert spell_coverage(interquartile_mean([1.0] * 4)) == ""
