"""What a save's line in the ledger tells: of the state, of each of its leaves, and of figures.

Names, dtypes and shapes stand once, in the line `leaves` before the first save that has them. Of
each leaf there are the first 12 hex digits of its SHA-256, to name the one that differs, and its
sketch, to say by how much; that two states are the same rests on the digest of the whole. Names of
figures, too, stand once, in a line `figures`; a save has the values.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from research.engine import sketches
from research.engine.digests import (
    SHORT,
    STATE,
    LeafRecord,
    Leaves,
    member_digests,
    shortened,
    state_digest,
)

_CHARACTERS = SHORT * 4 // 6
"""Of base64, for one leaf."""
_ABSENT = ""
"""In place of a figure that a report does not have."""


def table_of(records: Mapping[str, LeafRecord]) -> dict[str, Any]:
    """The content of a line `leaves`."""
    types = [[record.dtype, list(record.shape)] for record in records.values()]
    return {"names": list(records), "types": types}


def spell_save(
    step: int, leaves: Leaves, records: Mapping[str, LeafRecord], *, members: bool
) -> dict[str, Any]:
    """What a save's line tells of the state.

    Args:
        step: updates that made it.
        leaves: path -> host array.
        records: path -> record of each.
        members: whether the leaves are those of a population, each `[members, ...]`.
    """
    content = {
        "step": step,
        "digest": state_digest(records),
        "leaves": spell_short(records),
        "sketches": sketches.spell({name: leaves[name] for name in _sketched(leaves)}),
    }
    return content | ({"members": member_digests(leaves)} if members else {})


def spell_short(records: Mapping[str, LeafRecord]) -> str:
    """The short digests of leaves, in their order, as base64."""
    return base64.b64encode(
        bytes.fromhex("".join(record.sha256[:SHORT] for record in records.values()))
    ).decode()


def read_leaves(save: Mapping[str, Any]) -> dict[str, LeafRecord]:
    """Path -> record with a short digest, from a save as `Ledger.saves` gives it."""
    if isinstance(save["leaves"], dict):  # As lines were before they were compact.
        return shortened({n: LeafRecord(s, d, tuple(e)) for n, (s, d, e) in save["leaves"].items()})
    names, types = save["table"]["names"], save["table"]["types"]
    ends = range(_CHARACTERS, _CHARACTERS * len(names) + 1, _CHARACTERS)
    parts = [save["leaves"][end - _CHARACTERS : end] for end in ends]
    return {
        name: LeafRecord(base64.b64decode(part).hex(), dtype, tuple(shape))
        for name, part, (dtype, shape) in zip(names, parts, types, strict=True)
    }


def read_sketches(save: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Path -> sketch, of the state's leaves; empty where the line has none."""
    text = save.get("sketches")
    return sketches.parse(text, _sketched(save["table"]["names"])) if text else {}


def _sketched(names: Iterable[str]) -> list[str]:
    return [name for name in names if name.startswith(STATE)]


def figure_names(names: Sequence[str], reports: Mapping[int, Mapping[str, Any]]) -> list[str]:
    """The names that are known, and after them those that reports have besides."""
    found = dict.fromkeys(names)
    for figures in reports.values():
        found |= dict.fromkeys(figures)
    return list(found)


def spell_reports(
    names: Sequence[str], reports: Mapping[int, Mapping[str, Any]]
) -> list[list[Any]]:
    """One row a report: its step, and the value of each name; those that it lacks are left out.

    Args:
        names: at least those of the reports.
        reports: step -> figures as JSON values.
    """
    rows = []
    for step, figures in reports.items():
        row = [step, *(figures.get(name, _ABSENT) for name in names)]
        while row[-1] == _ABSENT:
            row.pop()
        rows.append(row)
    return rows


def read_figures(save: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """The figures of a save, as `metrics`, and of the reports before it, as `reports`.

    Args:
        save: content of its line.
        names: as the last line `figures` before it has them.
    """
    if "figures" not in save:  # As lines were before they were compact.
        return {"metrics": save.get("metrics", {}), "reports": save.get("reports", {})}
    reports = {
        str(step): {n: value for n, value in zip(names, values, strict=False) if value != _ABSENT}
        for step, *values in save["figures"]
    }
    return {"metrics": reports.pop(str(save["step"]), {}), "reports": reports}


def is_of(save: Mapping[str, Any], records: Mapping[str, LeafRecord]) -> bool:
    """Whether a save's line tells of the state that these (whole) records are of."""
    return save["digest"] == state_digest(records) and read_leaves(save) == shortened(records)
