"""Groups side by side by one figure: summed up over seeds, and tested against one another."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from research.engine.result import Spread, spread
from research.runs.differences import Difference, compare_means, holm
from research.runs.grouping import Group
from research.runs.robust import FEWEST, Middle, interquartile_mean
from research.runs.spelling import decimals_of, spell_effect, spell_name, spell_p

ALL_PAIRS = 6
"""Up to so many pairs are all spoken of; of more, those with the best group."""


class Pair(NamedTuple):
    """Two groups and whether they differ.

    Attributes:
        left: letter of the first.
        right: letter of the second.
        test: the test, corrected for the number of all pairs.
        sentence: the same in words.
    """

    left: str
    right: str
    test: Difference
    sentence: str


class Comparison(NamedTuple):
    """Groups compared by one metric.

    Attributes:
        metric: its name.
        larger_is_better: the direction; None where it is not known, and then nothing is best.
        spreads: letter -> what its seeds tell.
        best: letter of the group with the best mean, or None.
        pairs: all of them, in the order of the letters.
        middles: letter -> the mean of the middle half of its seeds, where there are enough.
    """

    metric: str
    larger_is_better: bool | None
    spreads: Mapping[str, Spread]
    best: str | None
    pairs: tuple[Pair, ...]
    middles: Mapping[str, Middle]

    @property
    def main_pairs(self) -> tuple[Pair, ...]:
        """The pairs to speak of: all where they are few, else those with the best group.

        The correction counts all pairs even then, because the same figures say which is best.
        """
        if len(self.pairs) <= ALL_PAIRS or self.best is None:
            return self.pairs
        return tuple(pair for pair in self.pairs if self.best in (pair.left, pair.right))


def compare(groups: Sequence[Group], metric: str, larger_is_better: bool | None) -> Comparison:
    """Sum each group up by one metric and test every pair, with Holm's correction over all.

    Args:
        groups: at least one.
        metric: a name that some sample has.
        larger_is_better: the direction, or None.
    """
    values = {one.letter: one.values(metric) for one in groups}
    spreads = {letter: spread(list(found.values())) for letter, found in values.items()}
    order = [one.letter for one in groups]
    couples = [(left, right) for at, left in enumerate(order) for right in order[at + 1 :]]
    experiments = {one.letter: one.experiment for one in groups}
    tests = [
        compare_means(values[left], values[right], pairable=experiments[left] == experiments[right])
        for left, right in couples
    ]
    adjusted = holm([test.p for test in tests])
    count = sum(test.p is not None for test in tests)
    pairs = []
    for (left, right), test, p in zip(couples, tests, adjusted, strict=True):
        corrected = test._replace(adjusted=p)
        words = sentence(left, right, metric, corrected, spreads, count)
        pairs.append(Pair(left, right, corrected, words))
    middles = {
        letter: interquartile_mean(list(found.values()))
        for letter, found in values.items()
        if spreads[letter].n >= FEWEST
    }
    best = _best(spreads, larger_is_better)
    return Comparison(metric, larger_is_better, spreads, best, tuple(pairs), middles)


def _best(spreads: Mapping[str, Spread], larger_is_better: bool | None) -> str | None:
    means = {letter: found.mean for letter, found in spreads.items() if math.isfinite(found.mean)}
    if larger_is_better is None or len(means) < 2 or len(set(means.values())) < 2:
        return None
    sign = 1 if larger_is_better else -1
    return max(means, key=lambda letter: sign * means[letter])


def sentence(
    left: str,
    right: str,
    metric: str,
    test: Difference,
    spreads: Mapping[str, Spread],
    tests: int = 1,
) -> str:
    """What the comparison of two groups says, in words.

    Args:
        left: letter of the first group.
        right: letter of the second.
        metric: the metric's name.
        test: the test of left against right.
        spreads: letter -> what its seeds tell.
        tests: how many tests the correction counted.
    """
    name = spell_name(metric)
    lost = [
        f" {spreads[letter].nonfinite} of {letter}'s "
        f"{spreads[letter].n + spreads[letter].nonfinite} seeds "
        f"{'is' if spreads[letter].nonfinite == 1 else 'are'} not finite and left out."
        for letter in (left, right)
        if spreads[letter].nonfinite
    ]
    return _finding(left, right, name, test, tests) + "".join(lost)


def _finding(left: str, right: str, name: str, test: Difference, tests: int) -> str:
    if not test.method:
        return _nothing(left, right, name, test)
    assert test.low is not None and test.high is not None and test.p is not None
    high, low = (left, right) if test.difference > 0 else (right, left)
    ends = sorted((test.low, test.high) if high == left else (-test.low, -test.high))
    decimals = decimals_of((ends[1] - ends[0]) / 2)
    amount, first, last = (f"{value:.{decimals}f}" for value in (abs(test.difference), *ends))
    seeds = (
        f"paired by seed, {test.n_left} seeds"
        if test.method == "paired"
        else f"Welch, {test.n_left} and {test.n_right} seeds"
    )
    p = spell_p(test.p)
    if tests > 1 and test.adjusted is not None:
        p = f"{p}, after Holm's correction for {tests} tests {spell_p(test.adjusted)}"
    effect = "" if test.effect is None else f"; effect size {spell_effect(test.effect)}"
    alone = " of this pair alone" if tests > 1 else ""
    details = f"95 % interval{alone} {first} to {last}; {seeds}; {p}{effect}"
    if test.significant:
        return f"{high}'s {name} is higher than {low}'s by {amount} ({details})."
    return (
        f"No difference between {left} and {right} is shown at 95 %: {high}'s {name} is higher "
        f"by {amount} ({details})."
    )


def _nothing(left: str, right: str, name: str, test: Difference) -> str:
    if not test.n_left or not test.n_right:
        none = " and ".join(
            letter for letter, n in ((left, test.n_left), (right, test.n_right)) if not n
        )
        verb = "have" if " and " in none else "has"
        return f"Nothing can be said of {left} and {right}: {none} {verb} no finite {name}."
    amount = f"{abs(test.difference):.4g}"
    high = left if test.difference > 0 else right
    differ = f"{high}'s {name} is higher by {amount}" if test.difference else f"{name} is equal"
    if test.n_left == test.n_right == 1:
        return f"One seed each: nothing can be said of {left} and {right} ({differ})."
    if 1 in (test.n_left, test.n_right):
        alone = left if test.n_left == 1 else right
        return (
            f"{alone} has one seed: nothing can be said of {left} and {right} ({differ}); "
            "two of each are the least, five are better."
        )
    return (
        f"No test of {left} and {right} can be made: {test.reason} ({differ}; "
        f"{test.n_left} and {test.n_right} seeds)."
    )
