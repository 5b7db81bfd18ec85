"""Runs side by side: grouped by config, summed up over seeds, and tested against one another."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from research.report.provenance import Provenance, split_by_data
from research.robust import FEWEST, Middle, interquartile_mean
from research.statistics import Difference, Spread, compare_means, holm, spread

ALL_PAIRS = 6
"""Up to so many pairs are all spoken of; of more, those with the best group."""


class Sample(NamedTuple):
    """What one seed gave: a solo run, or one member of a population.

    Attributes:
        experiment: full name.
        config: every field, a varied one with the member's own value.
        initial: digest of the parameters that it started from, or "".
        seed: its seed.
        metrics: name -> figure; NaN and infinities as floats, empty ones left out.
        origin: the run's directory.
        member: its place among the run's members.
        made_by: code, data and environment.
    """

    experiment: str
    config: Mapping[str, Any]
    initial: str
    seed: int
    metrics: Mapping[str, float]
    origin: str
    member: int = 0
    made_by: Provenance = Provenance()


class Group(NamedTuple):
    """The seeds of one experiment with one config.

    Attributes:
        letter: what the table and the sentences call it: `A`.
        experiment: full name.
        config: its fields.
        initial: digest of the parameters that its runs started from, or "".
        samples: one a seed, ascending.
        repeated: seeds that stood in several runs, and count once.
        data: what tells its data from those of other groups, or "".
    """

    letter: str
    experiment: str
    config: Mapping[str, Any]
    initial: str
    samples: tuple[Sample, ...]
    repeated: tuple[int, ...]
    data: str = ""

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds, ascending."""
        return tuple(sample.seed for sample in self.samples)

    def values(self, metric: str) -> dict[int, float]:
        """Seed -> figure, for the seeds that have it."""
        return {s.seed: s.metrics[metric] for s in self.samples if metric in s.metrics}


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

    def told(self) -> tuple[Pair, ...]:
        """The pairs to speak of: all where they are few, else those with the best group.

        The correction counts all pairs even then, because which group is best was seen in the
        same figures.
        """
        if len(self.pairs) <= ALL_PAIRS or self.best is None:
            return self.pairs
        return tuple(pair for pair in self.pairs if self.best in (pair.left, pair.right))


def group(samples: Iterable[Sample]) -> tuple[Group, ...]:
    """Samples by experiment, config, initial parameters and data, in the order in which they come.

    Seeds that other code or another environment made are one group: `mixed` tells of them. A seed
    that comes twice (a solo run and a member of a population, say) is one draw and not
    two: the first one counts.
    """
    alike: dict[str, list[Sample]] = {}
    for sample in samples:
        key = json.dumps([sample.experiment, sample.initial, sample.config], sort_keys=True)
        alike.setdefault(key, []).append(sample)
    found: list[Group] = []
    for some in alike.values():
        for data, places in split_by_data([sample.made_by for sample in some]).items():
            members: dict[int, Sample] = {}
            twice = set()
            for sample in (some[place] for place in places):
                if members.setdefault(sample.seed, sample) is not sample:
                    twice.add(sample.seed)
            ordered = tuple(members[seed] for seed in sorted(members))
            one, letter = ordered[0], _letter(len(found))
            found.append(
                Group(letter, one.experiment, one.config, one.initial, ordered,
                      tuple(sorted(twice)), data)
            )  # fmt: skip
    return tuple(found)


def _letter(at: int) -> str:
    """A to Z, AA, AB and so on."""
    before, last = divmod(at, 26)
    return (_letter(before - 1) if before else "") + chr(ord("A") + last)


ABSENT = "-"
"""What stands for a field that a config does not have."""


def differing_fields(configs: Sequence[Mapping[str, Any]]) -> dict[str, tuple[Any, ...]]:
    """Field -> its value in each config (`ABSENT` where there is none), where they differ."""
    names = dict.fromkeys(name for config in configs for name in config)
    values = {name: tuple(config.get(name, ABSENT) for config in configs) for name in names}
    return {name: row for name, row in values.items() if any(value != row[0] for value in row)}


def metric_names(groups: Sequence[Group]) -> list[str]:
    """The metrics that any sample has, in order of appearance."""
    return list(dict.fromkeys(n for one in groups for s in one.samples for n in s.metrics))


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
    name = metric.replace("/", " ").replace("_", " ")
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
    if test.shown:
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


def spell_effect(effect: float) -> str:
    """Two digits of its amount: `0.31`, `330`."""
    amount = abs(effect)
    return f"{amount:.2g}" if amount < 99.5 else f"{amount:.0f}"


def spell_p(p: float) -> str:
    """`p = .003`, `p < .001`."""
    if p < 0.001:
        return "p < .001"
    text = f"{p:.3f}" if p < 0.0995 else f"{p:.2f}"
    return f"p = {text.removeprefix('0')}"


def decimals_of(half: float) -> int:
    """Decimals that show an interval's half-width to two significant digits."""
    if not math.isfinite(half) or half <= 0:
        return 4
    return min(max(1 - math.floor(math.log10(half)), 0), 12)


def spell_spread(found: Spread) -> str:
    """`0.9956 ± 0.0039`; the mean alone of one seed; `-` of none."""
    if not found.n:
        return "not finite" if found.nonfinite else "-"
    if found.half is None:
        return f"{found.mean:.4g}"
    if found.half == 0:
        return f"{found.mean:.4g} ± 0"
    decimals = decimals_of(found.half)
    return f"{found.mean:.{decimals}f} ± {found.half:.{decimals}f}"
