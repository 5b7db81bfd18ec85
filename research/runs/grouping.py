"""Members that differ only in their seed, as one group: of solo runs and of populations alike."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from research.engine import fingerprint
from research.engine.selection import headline
from research.runs.run import Member, Provenance, Run, Snapshots
from research.runs.spelling import ABSENT, spell_field, spell_seeds

ENVIRONMENT_STEPS = "environment steps"
"""What a run says it counts where algorithms can be compared by it."""
_MOST_NAMES = 3


class Group(NamedTuple):
    """The seeds of one experiment with one config.

    Attributes:
        letter: what a table and sentences call it: `A`.
        label: what tells it from the other groups.
        experiment: full name.
        config: every field, as each member has it.
        initial: digest of the parameters that they started from, or "".
        members: one a seed, ascending.
        owners: the run of each.
        repeated: seeds that stand in several runs and count once, with the runs that they do not
            count from.
        data: what tells its data from those of other groups, or "".
    """

    letter: str
    label: str
    experiment: str
    config: Mapping[str, Any]
    initial: str
    members: tuple[Member, ...]
    owners: tuple[Run, ...]
    repeated: Mapping[int, Run] = {}
    data: str = ""

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds, ascending."""
        return tuple(member.seed for member in self.members)

    @property
    def runs(self) -> list[Run]:
        """The runs that the members are from, each once."""
        return list({run.directory: run for run in self.owners}.values())

    def values(self, name: str) -> dict[int, float]:
        """Seed -> figure, for the seeds that have it."""
        return {m.seed: m.metrics[name] for m in self.members if name in m.metrics}


def group_runs(runs: Sequence[Run]) -> list[Group]:
    """Members by experiment, config, initial parameters and data, in the order in which they come.

    Seeds that other code or another environment made are one group: `notes_on` has a sentence on
    them. A seed that comes twice (a solo run and a member of a population, say) is one draw and not
    two, which would make the interval too small: the first one counts.
    """
    alike: dict[str, list[tuple[Run, Member]]] = {}
    for run in runs:
        for member in run.members:
            key = json.dumps([run.experiment, run.initial, member.config], sort_keys=True)
            alike.setdefault(key, []).append((run, member))
    groups: list[Group] = []
    for some in alike.values():
        for data, places in split_by_data([run.made_by for run, _ in some]).items():
            seeds: dict[int, tuple[Run, Member]] = {}
            repeated = {}
            for run, member in (some[place] for place in places):
                if seeds.setdefault(member.seed, (run, member))[1] is not member:
                    repeated[member.seed] = run
            owners, members = zip(*(seeds[seed] for seed in sorted(seeds)), strict=True)
            run, letter = owners[0], _letter(len(groups))
            config = members[0].config
            groups.append(
                Group(letter, "", run.experiment, config, run.initial, members, owners,
                      repeated, data)
            )  # fmt: skip
    labels = _labels(groups)
    return [one._replace(label=label) for one, label in zip(groups, labels, strict=True)]


def _letter(at: int) -> str:
    """A to Z, AA, AB and so on."""
    before, last = divmod(at, 26)
    return (_letter(before - 1) if before else "") + chr(ord("A") + last)


def _labels(groups: Sequence[Group]) -> list[str]:
    """What each group is called: the fields in which it differs from others of its experiment."""
    several = len({group.experiment for group in groups}) > 1
    labels = []
    for group in groups:
        same = [other for other in groups if other.experiment == group.experiment]
        fields = differing_fields([other.config for other in same])
        parts = [group.experiment] if several or len(groups) == 1 else []
        parts += [spell_field(n, value) for n, value in group.config.items() if n in fields]
        if len({other.initial for other in same}) > 1:
            parts.append(f"from {group.initial[:8]}" if group.initial else "from its own start")
        parts += [group.data] if group.data else []
        labels.append(", ".join(parts) or group.experiment)
    return labels


def differing_fields(configs: Sequence[Mapping[str, Any]]) -> dict[str, tuple[Any, ...]]:
    """Field -> its value in each config (`ABSENT` where there is none), where they differ."""
    names = dict.fromkeys(name for config in configs for name in config)
    values = {name: tuple(config.get(name, ABSENT) for config in configs) for name in names}
    return {name: row for name, row in values.items() if any(value != row[0] for value in row)}


def notes_on(groups: Sequence[Group], names: Sequence[str]) -> list[str]:
    """Sentences on seeds that count once, or were made by other code or in another environment.

    Args:
        groups: of which there may be something to say.
        names: what stands before the sentences on each, or "".
    """
    notes = []
    for name, group in zip(names, groups, strict=True):
        whose = f"{name}: " if name else ""
        if group.repeated:
            several = len(group.repeated) > 1
            words = "seeds {} stand in several runs and count"
            words = words if several else "seed {} stands in several runs and counts"
            places = list(dict.fromkeys(str(run.directory) for run in group.repeated.values()))
            more = f" and {len(places) - _MOST_NAMES} more" if len(places) > _MOST_NAMES else ""
            notes.append(
                f"{whose}{words.format(spell_seeds(sorted(group.repeated)))} once: "
                f"not from {', '.join(places[:_MOST_NAMES])}{more}"
            )
        made_by = {m.seed: run.made_by for m, run in zip(group.members, group.owners, strict=True)}
        notes += [f"{whose}{sentence}" for sentence in mixed(made_by)]
    return notes


def metric_names(groups: Sequence[Group]) -> list[str]:
    """The figures that any member has, in order of appearance."""
    return list(dict.fromkeys(n for one in groups for m in one.members for n in m.metrics))


def choose_figure(groups: Sequence[Group]) -> str | None:
    """The figure that matters most of those that all groups have, else of those that there are.

    The one that the experiment names, where all groups are of runs that name the same.
    """
    names = metric_names(groups)
    asked = {run.headline for one in groups for run in one.owners}
    named = asked.pop() if len(asked) == 1 else ""
    shared = [name for name in names if all(one.values(name) for one in groups)]
    return headline(shared, named) or headline(names, named)


def environment_steps(groups: Sequence[Group]) -> list[int] | None:
    """Environment steps of one update of each group; None where not all runs say that."""
    found = []
    for group in groups:
        counted = {run.items_per_step for run in group.owners if run.items == ENVIRONMENT_STEPS}
        if len(counted) != 1 or any(run.items != ENVIRONMENT_STEPS for run in group.owners):
            return None
        found.append(counted.pop())
    return found


def split_by_data(made_by: Sequence[Provenance]) -> dict[str, list[int]]:
    """What tells data apart, such as `train data 3f2a9c01` -> places of the runs that have them.

    The words are "" where all have the same. A split that only some of them name, one that an
    experiment got later, tells nothing.
    """
    named = [found.data.keys() for found in made_by if found.data]
    shared = [
        split
        for split in (named[0] if named else ())
        if all(split in splits for splits in named)
        and len({found.data[split] for found in made_by if found.data}) > 1
    ]
    if not shared:
        return {"": list(range(len(made_by)))}
    parts: dict[str, list[int]] = {}
    for place, found in enumerate(made_by):
        words = [f"{split} data {str(found.data.get(split, 'unknown'))[:8]}" for split in shared]
        parts.setdefault(", ".join(words), []).append(place)
    return parts


def mixed(made_by: Mapping[int, Provenance]) -> list[str]:
    """Sentences on seeds of one group that other code or another environment made.

    Args:
        made_by: seed -> what made it, of one config and from the same data.
    """
    code = {seed: found.code for seed, found in made_by.items()}
    environment = {seed: found.environment for seed, found in made_by.items()}
    # A file that is not there was not there; an entry that is not there was not recorded then.
    files = _differing(code.values(), missing_is_a_value=True)
    entries = _differing(environment.values(), missing_is_a_value=False)
    return [
        *_sentence("by different code", code, files, files),
        *_sentence(
            "in different environments", environment, entries, list(map(fingerprint.label, entries))
        ),
    ]


def _sentence(
    how: str, made_by: Mapping[int, Snapshots], different: Sequence[str], labels: Sequence[str]
) -> list[str]:
    """What differs and between which seeds; none where nothing does."""
    if not different:
        return []
    parts: dict[str, list[int]] = {}
    for seed in sorted(made_by):
        values = [[snapshot.get(name) for name in different] for snapshot in made_by[seed]]
        parts.setdefault(json.dumps(values), []).append(seed)
    what = ", ".join(labels[:_MOST_NAMES])
    if len(labels) > _MOST_NAMES:
        what += f" and {len(labels) - _MOST_NAMES} more"
    differ = "differs" if len(labels) == 1 else "differ"
    spelled = [spell_seeds(part) for part in parts.values()]
    if len(spelled) > 1:
        whose = f"seeds {', '.join(spelled[:-1])} and {spelled[-1]} were made {how}"
    else:
        alone = len(made_by) == 1
        whose = f"seed{'' if alone else 's'} {spelled[0]} {'was' if alone else 'were'} made {how}"
        whose += ", going on after a change"
    return [f"{whose}: {what} {differ}"]


def _differing(runs: Iterable[Snapshots], *, missing_is_a_value: bool) -> list[str]:
    """The entries that are not the same in all snapshots of all runs; empty ones tell nothing."""
    snapshots = [snapshot for run in runs for snapshot in run if snapshot]
    names = sorted({name for snapshot in snapshots for name in snapshot})
    found = {name: {snapshot.get(name) for snapshot in snapshots} for name in names}
    if not missing_is_a_value:
        found = {name: values - {None} for name, values in found.items()}
    return [name for name, values in found.items() if len(values) > 1]
