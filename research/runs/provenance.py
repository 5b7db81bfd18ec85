"""What made a run beside its config and seed: code, data, environment; and where seeds differ.

Reads a ledger's first line and its segments alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from research.engine import fingerprint
from research.engine.fingerprint import DIGITS
from research.runs.spelling import spell_seeds

_SEGMENT = b'"segment"'
_MOST_NAMES = 3
"""So many files or entries are named; of more, how many there are."""


Snapshots = tuple[Mapping[str, str], ...]
"""Code or environment: name -> value, at the start and wherever a run went on after a change."""


class Provenance(NamedTuple):
    """What made a run.

    Attributes:
        code: path -> SHA-256.
        environment: entries of the fingerprint that can change bits.
        data: split -> SHA-256 of its content.
    """

    code: Snapshots = ()
    environment: Snapshots = ()
    data: Mapping[str, str] = {}


def provenance_of(parts: Iterable[Mapping[str, Any]]) -> Provenance:
    """What made a run, from the contents of its ledger's header and segments, in order."""
    parts = list(parts)
    return Provenance(
        # Ledgers of an older form have whole digests.
        _distinct(
            {path: digest[:DIGITS] for path, digest in (part.get("code") or {}).items()}
            for part in parts
        ),
        _distinct(_without_slicing(part.get("fingerprint") or {}) for part in parts),
        dict(parts[0].get("data") or {}) if parts else {},
    )


def read_provenance(ledger: Path) -> Provenance:
    """What made a run, from its ledger: the first line and the segments; other lines are skipped.

    A line that cannot be read says nothing.
    """
    parts = []
    try:
        with ledger.open("rb") as file:
            for number, raw in enumerate(file):
                if number and _SEGMENT not in raw:
                    continue
                try:
                    line = json.loads(raw)
                    if line["kind"] in ("header", "segment"):
                        parts.append(line)
                except (ValueError, KeyError, TypeError):
                    continue
    except OSError:
        pass
    return provenance_of(parts)


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


def _without_slicing(entries: Mapping[str, str]) -> dict[str, str]:
    return {n: value for n, value in entries.items() if n not in fingerprint.SLICING}


def _distinct(parts: Iterable[Mapping[str, str]]) -> Snapshots:
    """Snapshots in order, without those that are as the one before."""
    found: list[Mapping[str, str]] = []
    for part in parts:
        if not found or found[-1] != part:
            found.append(dict(part))
    return tuple(found)


def _differing(runs: Iterable[Snapshots], *, missing_is_a_value: bool) -> list[str]:
    """The entries that are not the same in all snapshots of all runs; empty ones tell nothing."""
    snapshots = [snapshot for run in runs for snapshot in run if snapshot]
    names = sorted({name for snapshot in snapshots for name in snapshot})
    found = {name: {snapshot.get(name) for snapshot in snapshots} for name in names}
    if not missing_is_a_value:
        found = {name: values - {None} for name, values in found.items()}
    return [name for name, values in found.items() if len(values) > 1]
