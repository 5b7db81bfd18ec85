"""Members that differ only in their seed, as one: means and intervals over them."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from research.report.provenance import Seed, mixed, split_by_data
from research.report.reading import Curve, Member, Run
from research.statistics import spread


class Group(NamedTuple):
    """Members of one experiment and config.

    Attributes:
        label: what tells it from the other groups.
        experiment: full name.
        config: every field, as each member has it.
        initial: digest of the parameters that they started from, or "".
        members: with different seeds.
        runs: the runs that they are from.
        data: what tells its data from those of other groups, or "".
        mixed: sentences on code or environments that are not the same for all.
    """

    label: str
    experiment: str
    config: dict[str, Any]
    initial: str
    members: tuple[Member, ...]
    runs: tuple[Run, ...]
    data: str = ""
    mixed: tuple[str, ...] = ()


class Interval(NamedTuple):
    """A mean with its 95 % interval (Student's t) over members.

    Attributes:
        mean: over the finite values; NaN where there is none.
        half: half the interval's width; NaN of fewer than two values.
        values: how many are finite.
        members: how many there are.
    """

    mean: float
    half: float
    values: int
    members: int


class Band(NamedTuple):
    """A curve with its interval, float64 `[steps]`; `half` is NaN where it is not known."""

    steps: np.ndarray
    mean: np.ndarray
    half: np.ndarray


def group_runs(runs: Sequence[Run]) -> tuple[list[Group], list[str]]:
    """The groups that runs make, in the order given, and sentences on what was left out.

    A seed counts once in a group: counted twice, it would make the interval too small. Runs on
    different data are different groups; those that other code or another environment made are one,
    and a sentence tells of them.
    """
    alike: dict[str, list[tuple[Run, Member]]] = {}
    for run in runs:
        for member in run.members:
            key = json.dumps([run.experiment, run.initial, member.config], sort_keys=True)
            alike.setdefault(key, []).append((run, member))
    groups, notes = [], []
    for some in alike.values():
        for data, places in split_by_data([run.made_by for run, _ in some]).items():
            seeds: dict[int, tuple[Run, Member]] = {}
            for run, member in (some[place] for place in places):
                if seeds.setdefault(member.seed, (run, member))[1] is not member:
                    notes.append(
                        f"seed {member.seed} of {run.directory} has been counted from a run "
                        "before it"
                    )
            run, member = next(iter(seeds.values()))
            members = tuple(member for _, member in seeds.values())
            owners = {id(run): run for run, _ in seeds.values()}
            groups.append(
                Group("", run.experiment, member.config, run.initial, members,
                      tuple(owners.values()), data,
                      tuple(mixed([Seed(m.seed, r.made_by) for r, m in seeds.values()])))
            )  # fmt: skip
    labels = label_groups(groups)
    groups = [g._replace(label=label) for g, label in zip(groups, labels, strict=True)]
    for group in groups:
        whose = f"{group.label}: " if len(groups) > 1 else ""
        notes += [f"{whose}{sentence}" for sentence in group.mixed]
    return groups, notes


def label_groups(groups: Sequence[Group]) -> list[str]:
    """What each group is called: the fields in which it differs from others."""
    different = set(differing_fields([group.config for group in groups]))
    several = len({group.experiment for group in groups}) > 1
    labels = []
    for group in groups:
        same = [other for other in groups if other.experiment == group.experiment]
        fields = different
        if several:
            # A field that only another experiment has tells nothing.
            fields = set(differing_fields([other.config for other in same]))
        parts = [group.experiment] if several or len(groups) == 1 else []
        parts += [
            f"{n.replace('_', '-')} {spell_value(group.config[n])}"
            for n in group.config
            if n in fields
        ]
        if len({other.initial for other in same}) > 1:
            parts.append(f"from {group.initial[:8]}" if group.initial else "from its own start")
        parts += [group.data] if group.data else []
        labels.append(", ".join(parts) or group.experiment)
    return labels


def differing_fields(configs: Sequence[Mapping[str, Any]]) -> list[str]:
    """The fields whose values are not the same in all configs, a missing one being a value."""
    names = dict.fromkeys(name for config in configs for name in config)
    absent = object()
    return [
        name
        for name in names
        if any(config.get(name, absent) != configs[0].get(name, absent) for config in configs)
    ]


def interval(values: Iterable[Any]) -> Interval:
    """The mean and 95 % interval of figures; words and None are counted, and no values."""
    listed = list(values)
    found = spread([number for value in listed if (number := finite(value)) is not None])
    half = math.nan if found.half is None else found.half
    return Interval(found.mean, half, found.n, len(listed))


def finite(value: Any) -> float | None:
    """A finite number as a float; None of everything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


def student(values: Any) -> Any:
    """The 97.5 % quantile of Student's t for a mean of so many values, an int or an array."""
    from scipy.special import stdtrit  # half a second, which a run of one seed does without

    return stdtrit(np.maximum(np.asarray(values) - 1, 1), 0.975)


def band(curves: Sequence[Curve]) -> Band:
    """The mean of curves at each step, with its interval.

    A step counts where every curve that reaches so far has a value or an empty interval: runs
    that report at different steps would otherwise make a line that jumps between them.
    """
    steps = np.unique(np.concatenate([curve.steps for curve in curves]))
    table = np.full((len(curves), len(steps)), np.nan)
    kept = np.ones(len(steps), bool)
    for row, curve in zip(table, curves, strict=True):
        there = np.isin(steps, curve.steps)
        row[there] = curve.values
        kept &= there | (steps > curve.steps[-1])
    table, steps = table[:, kept], steps[kept]
    known = np.isfinite(table)
    count = known.sum(axis=0)
    safe = np.maximum(count, 1)
    mean = np.where(known, table, 0.0).sum(axis=0) / safe
    half = np.full(len(steps), np.nan)
    if (count > 1).any():
        squares = np.where(known, (table - mean) ** 2, 0.0).sum(axis=0)
        deviation = np.sqrt(squares / np.maximum(count - 1, 1))
        half = np.where(count > 1, student(safe) * deviation / np.sqrt(safe), np.nan)
    return Band(steps, np.where(count > 0, mean, np.nan), half)


def split_name(name: str) -> tuple[str, str]:
    """`validation/loss` as (`validation`, `loss`)."""
    split, _, base = name.rpartition("/")
    return split, base


SPLITS = ("test", "evaluation", "validation", "", "train")
"""Whose figures matter, most first; others come after `validation`."""


def importance(name: str) -> tuple[Any, ...]:
    """A key that sorts figures so that those that matter come first.

    Held-out splits come before training; scores before losses; plain names before qualified ones
    (`mse` before `naive_mse`); counts of episodes, which say how sure the others are, last.
    """
    split, base = split_name(name)
    place = SPLITS.index(split) if split in SPLITS else 2.5
    count = base == "reported_step" or base.endswith("episodes")
    return count, place, "loss" in base, base.count("_"), base


def headline(names: Iterable[str], expected: str = "") -> str | None:
    """The figure that matters most of an experiment: the first that its `Expected:` line names.

    Args:
        names: of figures.
        expected: what the experiment's text says is to be expected, such as `test mse .0010`.
    """
    ordered = sorted(names, key=importance)
    words = " ".join(expected.replace("/", " ").replace(",", " ").split())
    named = [
        (words.find(name.replace("/", " ")), name)
        for name in ordered
        if name.replace("/", " ") in words
    ]
    return min(named)[1] if named else next(iter(ordered), None)


def spell_value(value: Any) -> str:
    """A value of a config, as it is typed."""
    if isinstance(value, list | tuple):
        return ",".join(map(spell_value, value)) or "()"
    if value is None or isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) and float(f"{value:g}") == value else str(value)


def spell_figure(value: Any) -> str:
    """Four significant digits; `–` for what there is not."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "–"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    return f"{value:.4g}"


def spell_interval(found: Interval) -> str:
    """`0.9956 ± 0.0039`: two digits of the interval, and the mean to the same place."""
    if not math.isfinite(found.mean):
        return "–"
    if not math.isfinite(found.half):
        return spell_figure(found.mean)
    if found.half == 0:
        return f"{spell_figure(found.mean)} ± 0"
    decimals = max(0, 1 - math.floor(math.log10(found.half)))
    if decimals > 9 or abs(found.mean) >= 1e9:
        return f"{found.mean:.4g} ± {found.half:.2g}"
    return f"{found.mean:,.{decimals}f} ± {found.half:,.{decimals}f}"
