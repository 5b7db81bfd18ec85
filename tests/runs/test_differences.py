"""Tests of differences against closed forms, SciPy, and the promise that they make."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from research.runs.differences import compare_means, holm

numbers = st.floats(-1e3, 1e3).map(lambda x: round(x, 4))
samples = st.lists(numbers, min_size=2, max_size=12)


def by_seed(values, first=0):
    return {first + at: float(value) for at, value in enumerate(values)}


@given(samples, samples)
@settings(deadline=None)
def test_welch_is_its_formula(left, right):
    found = compare_means(by_seed(left), by_seed(right, first=100))
    a, b = np.array(left), np.array(right)
    va, vb = a.var(ddof=1) / len(a), b.var(ddof=1) / len(b)
    if max(np.ptp(a), np.ptp(b)) < 1e-3:
        return
    assert found.method == "Welch"
    freedom = (va + vb) ** 2 / (va**2 / (len(a) - 1) + vb**2 / (len(b) - 1))
    t = (a.mean() - b.mean()) / math.sqrt(va + vb)
    half = stats.t.ppf(0.975, freedom) * math.sqrt(va + vb)
    assert found.difference == pytest.approx(a.mean() - b.mean(), abs=1e-9)
    assert found.p == pytest.approx(2 * stats.t.sf(abs(t), freedom), rel=1e-6, abs=1e-12)
    assert (found.high - found.low) / 2 == pytest.approx(half, rel=1e-6)
    g = (a.mean() - b.mean()) / math.sqrt((a.var(ddof=1) + b.var(ddof=1)) / 2)
    correction = 1 - 3 / (4 * (len(a) + len(b) - 2) - 1)
    assert found.effect == pytest.approx(g * correction, rel=1e-6, abs=1e-9)


@given(st.lists(st.tuples(numbers, numbers), min_size=2, max_size=12))
@settings(deadline=None)
def test_the_same_seeds_are_paired_and_that_is_a_test_of_the_differences(pairs):
    left, right = by_seed([a for a, _ in pairs]), by_seed([b for _, b in pairs])
    found = compare_means(left, dict(reversed(right.items())))
    differences = np.array([a - b for a, b in pairs])
    if np.ptp(differences) < 1e-3:
        return
    assert found.method == "paired"
    oracle = stats.ttest_1samp(differences, 0.0)
    assert found.p == pytest.approx(oracle.pvalue, rel=1e-6, abs=1e-12)
    interval = oracle.confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx(tuple(interval), rel=1e-6, abs=1e-6)
    effect = differences.mean() / differences.std(ddof=1) * (1 - 3 / (4 * (len(pairs) - 1) - 1))
    assert found.effect == pytest.approx(effect, rel=1e-6, abs=1e-9)


@given(samples, samples, st.booleans())
@settings(deadline=None)
def test_swapping_the_sides_turns_the_sign_and_nothing_else(left, right, same_seeds):
    a, b = by_seed(left), by_seed(right, 0 if same_seeds else 100)
    one, other = compare_means(a, b), compare_means(b, a)
    assert one.method == other.method and one.reason == other.reason
    assert one.difference == pytest.approx(-other.difference, abs=1e-9)
    if one.method:
        assert one.p == pytest.approx(other.p, rel=1e-6, abs=1e-12)
        assert (one.low, one.high) == pytest.approx((-other.high, -other.low), rel=1e-6, abs=1e-9)


def test_pairing_shows_what_seeds_hide_and_only_where_seeds_mean_the_same():
    hard = np.random.default_rng(1).normal(0, 1.0, 8)
    left, right = by_seed(0.9 + hard), by_seed(0.8 + hard + 0.01 * np.arange(8))
    assert compare_means(left, right).method == "paired" and compare_means(left, right).p < 0.01
    apart = compare_means(left, right, pairable=False)
    assert apart.method == "Welch" and apart.p > 0.5
    moved = {seed + 1: value for seed, value in right.items()}
    assert compare_means(left, moved) == compare_means(left, moved, pairable=False)


@pytest.mark.parametrize(
    ("left", "right", "reason"),
    [
        ([1.0], [2.0], "one seed each"),
        ([1.0], [2.0, 3.0], "one seed on one side"),
        ([math.nan, math.inf], [1.0, 2.0], "without a finite value"),
        ([500.0, 500.0], [500.0, 500.0], "no seed differs from another"),
        ([0.1 + 0.2, 0.3], [0.7, 0.7], "no seed differs from another"),
        ([1.0, 2.0, 5.0], [2.0, 3.0, 6.0], "the difference is the same for every seed"),
    ],
)
def test_where_no_test_can_be_made_it_says_why(left, right, reason):
    found = compare_means(by_seed(left), by_seed(right))
    assert (found.method, found.reason, found.p, found.significant) == ("", reason, None, False)


def test_a_constant_difference_of_other_seeds_is_a_test_all_the_same():
    found = compare_means(by_seed([1.0, 2.0, 5.0]), by_seed([2.0, 3.0, 6.0], 10))
    assert found.method == "Welch"


def test_differences_of_nearly_equal_large_values_are_exact():
    left, right = by_seed([1e9 + x for x in (1, 2, 4)]), by_seed([1e9 + x for x in (5, 7, 9)], 10)
    small = compare_means(by_seed([1, 2, 4]), by_seed([5, 7, 9], 10))
    assert compare_means(left, right).p == pytest.approx(small.p, rel=1e-9)


def false_alarms(test, trials=2000):
    generator = np.random.default_rng(2)
    return sum(test(generator) for _ in range(trials)) / trials


def test_equal_groups_of_unequal_spread_are_told_apart_as_seldom_as_promised():
    def alarm(generator):
        left, right = generator.normal(0, 1, 4), generator.normal(0, 3, 8)
        return compare_means(by_seed(left), by_seed(right, 100)).significant

    assert false_alarms(alarm) < 0.075


def test_negative_control_a_pooled_test_raises_too_many_false_alarms():
    def alarm(generator):
        left, right = generator.normal(0, 3, 4), generator.normal(0, 1, 16)
        return stats.ttest_ind(left, right, equal_var=True).pvalue < 0.05

    assert false_alarms(alarm) > 0.12


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, None, 0.9]) == pytest.approx([1.0, None, 1.0])
    assert holm([]) == [] and holm([None]) == [None] and holm([0.2]) == [0.2]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_is_the_closure_of_bonferroni(p_values):
    # Closed testing: p_i adjusted is the largest Bonferroni p of all sets of hypotheses with i.
    from itertools import combinations

    everything = range(len(p_values))
    for at, adjusted in enumerate(holm(p_values)):
        closed = max(
            min(1.0, size * min(p_values[k] for k in chosen))
            for size in range(1, len(p_values) + 1)
            for chosen in combinations(everything, size)
            if at in chosen
        )
        assert adjusted == pytest.approx(closed)


def test_three_equal_groups_raise_no_more_alarms_than_two_and_without_holm_they_do():
    generator = np.random.default_rng(3)
    corrected = plain = 0
    for _ in range(1500):
        groups = [by_seed(generator.normal(0, 1, 5), 100 * at) for at in range(3)]
        p = [compare_means(groups[i], groups[j]).p for i, j in ((0, 1), (0, 2), (1, 2))]
        corrected += min(holm(p)) < 0.05
        plain += min(p) < 0.05
    assert corrected / 1500 < 0.065 < 0.085 < plain / 1500
