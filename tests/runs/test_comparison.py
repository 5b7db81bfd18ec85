"""Groups, what differs between them, the best, and what is said of each pair."""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
import pytest

from research.runs.comparison import compare
from research.runs.differences import compare_means
from research.runs.grouping import ABSENT, differing_fields, group_runs, metric_names
from research.runs.run import Member, Run

METRIC = "test/accuracy"


def samples(values, rate=0.1, first=0, experiment="alpha/probe", metric=METRIC):
    config = {"rate": rate, "size": 3}
    return [
        Run(Path(f"run{rate}-{first + at}"), experiment, config,
            (Member(first + at, config, {metric: value}),))
        for at, value in enumerate(values)
    ]  # fmt: skip


def test_groups_are_made_of_configs_and_seeds_count_once():
    solo = samples([0.9, 0.8])
    population = samples([0.1, 0.2, 0.3], first=1)
    other = samples([0.5], rate=0.2)
    first, second = group_runs([*solo, *population, *other])
    assert (first.letter, first.seeds, [*first.repeated]) == ("A", (0, 1, 2, 3), [1])
    assert first.values(METRIC) == {0: 0.9, 1: 0.8, 2: 0.2, 3: 0.3}
    assert (second.letter, second.seeds, [*second.repeated]) == ("B", (0,), [])


def test_other_initial_parameters_or_experiments_are_other_groups():
    sample = samples([0.9])[0]
    found = group_runs(
        [sample, sample._replace(initial="f" * 64), sample._replace(experiment="b/c")]
    )
    assert [one.letter for one in found] == ["A", "B", "C"]


def test_letters_are_those_of_a_spreadsheet():
    found = group_runs([s for at in range(800) for s in samples([0.5], rate=at)])
    for count, one in enumerate(found, 1):
        read = 0
        for letter in one.letter:
            read = 26 * read + ord(letter) - ord("A") + 1
        assert read == count


def test_differing_fields():
    configs = [{"a": 1, "b": [1, 2], "c": 0}, {"a": 1, "b": [1, 3]}]
    assert differing_fields(configs) == {"b": ([1, 2], [1, 3]), "c": (0, ABSENT)}
    assert differing_fields(configs[:1]) == {} and differing_fields([]) == {}


def test_a_difference_is_in_plain_words():
    generator = np.random.default_rng(0)
    left, right = generator.normal(0.95, 0.004, 5), generator.normal(0.93, 0.004, 6)
    groups = group_runs([*samples(left), *samples(right, rate=0.2, first=10)])
    found = compare(groups, METRIC, True)
    (pair,) = found.pairs
    oracle = compare_means(groups[0].values(METRIC), groups[1].values(METRIC))
    assert found.best == "A" and pair.test.significant and pair.test.p == oracle.p
    pattern = (
        r"A's test accuracy is higher than B's by (0\.\d+) \(95 % interval (0\.\d+) to (0\.\d+); "
        r"Welch, 5 and 6 seeds; p < \.001; effect size [\d.]+\)\."
    )
    found = re.fullmatch(pattern, pair.sentence)
    assert found, pair.sentence
    amounts = [float(text) for text in found.groups()]
    assert amounts == pytest.approx([oracle.difference, oracle.low, oracle.high], abs=6e-4)


def test_the_sentence_is_the_same_whichever_group_comes_first():
    left, right = samples([0.95, 0.94, 0.96]), samples([0.91, 0.92, 0.9], rate=0.2, first=10)
    one = compare(group_runs([*left, *right]), METRIC, True).pairs[0].sentence
    other = compare(group_runs([*right, *left]), METRIC, True).pairs[0].sentence
    assert one.startswith("A's") and other.startswith("B's")
    swapped = other.replace("A's", "X").replace("B's", "A's").replace("X", "B's")
    assert one == swapped


def test_pairs_of_the_same_seeds_say_so():
    left, right = samples([0.9, 0.8, 0.7, 0.95]), samples([0.88, 0.79, 0.66, 0.94], rate=0.2)
    sentence = compare(group_runs([*left, *right]), METRIC, True).pairs[0].sentence
    assert "paired by seed, 4 seeds" in sentence
    apart = [s._replace(experiment="alpha/other") for s in right]
    assert (
        "Welch, 4 and 4 seeds"
        in compare(group_runs([*left, *apart]), METRIC, True).pairs[0].sentence
    )


def test_equal_groups_show_no_difference():
    generator = np.random.default_rng(1)
    groups = group_runs(
        [*samples(generator.normal(0, 1, 5)), *samples(generator.normal(0, 1, 5), 0.2, 10)]
    )
    sentence = compare(groups, METRIC, True).pairs[0].sentence
    assert sentence.startswith("No difference between A and B is shown at 95 %")
    assert " interval -" in sentence


@pytest.mark.parametrize(
    ("left", "right", "pattern"),
    [
        ([0.9], [0.8], r"One seed each: nothing can be said of A and B \(A's .* higher by 0\.1\)"),
        ([0.9], [0.8, 0.7], "A has one seed: nothing can be said"),
        ([0.9, 0.8], [0.7], "B has one seed: nothing can be said"),
        ([500.0] * 3, [500.0] * 3, r"No test .*: no seed differs from another \(.* is equal"),
        ([math.nan], [0.8, 0.7], "Nothing can be said of A and B: A has no finite test accuracy"),
    ],
)
def test_what_cannot_be_said_is_not_said(left, right, pattern):
    found = compare(group_runs([*samples(left), *samples(right, rate=0.2)]), METRIC, True)
    assert re.match(pattern, found.pairs[0].sentence), found.pairs[0].sentence
    assert not found.pairs[0].test.significant


def test_seeds_that_are_not_finite_are_counted():
    left, right = samples([0.9, 0.8, math.nan]), samples([0.5, 0.6], rate=0.2)
    found = compare(group_runs([*left, *right]), METRIC, True)
    assert "1 of A's 3 seeds is not finite and left out." in found.pairs[0].sentence
    assert (found.spreads["A"].n, found.spreads["A"].nonfinite) == (2, 1)


def test_the_best_follows_the_direction():
    groups = group_runs([*samples([0.9, 0.8]), *samples([0.5, 0.6], rate=0.2)])
    assert compare(groups, METRIC, True).best == "A"
    assert compare(groups, METRIC, False).best == "B"
    assert compare(groups, METRIC, None).best is None
    assert compare(group_runs(samples([0.9])), METRIC, True).best is None
    assert compare(group_runs([*samples([0.5]), *samples([0.5], 0.2)]), METRIC, True).best is None
    lost = group_runs([*samples([math.nan]), *samples([0.5], 0.2), *samples([0.4], 0.3)])
    assert compare(lost, METRIC, True).best == "B"


def test_many_groups_are_corrected_for_all_pairs_and_held_against_the_best():
    generator = np.random.default_rng(4)
    groups = group_runs(
        [
            s
            for at in range(6)
            for s in samples(generator.normal(0.01 * at, 0.02, 5), rate=at, first=10 * at)
        ]
    )
    found = compare(groups, METRIC, True)
    assert len(found.pairs) == 15 and len(found.main_pairs) == 5
    assert all(found.best in (pair.left, pair.right) for pair in found.main_pairs)
    assert all(pair.test.adjusted >= pair.test.p for pair in found.pairs)
    smallest = min(found.pairs, key=lambda pair: pair.test.p)
    assert smallest.test.adjusted == pytest.approx(min(1, 15 * smallest.test.p))
    assert "after Holm's correction for 15 tests" in smallest.sentence
    three = compare(groups[:3], METRIC, True)
    assert three.main_pairs == three.pairs


def test_a_difference_that_the_correction_takes_away_is_not_shown():
    left, right = samples([0.9, 0.92, 0.94]), samples([0.88, 0.87, 0.86], rate=0.2, first=10)
    alone = compare(group_runs([*left, *right]), METRIC, True).pairs[0]
    more = [*samples([0.9, 0.8, 0.7], 0.3, 20), *samples([0.7, 0.8, 0.9], 0.4, 30)]
    among = compare(group_runs([*left, *right, *more]), METRIC, True).pairs[0]
    assert alone.test.p == among.test.p < 0.05 < among.test.adjusted
    assert alone.test.significant and not among.test.significant
    assert among.sentence.startswith("No difference") and "of this pair alone" in among.sentence


def test_metric_names_are_those_of_all_members():
    found = group_runs([*samples([1.0]), *samples([1.0], metric="test/loss", first=1)])
    assert metric_names(found) == [METRIC, "test/loss"]
    assert found[0].values("test/loss") == {1: 1.0}
