"""The ledger: an append-only file in which each line's digest covers the digest of the line before.

The chain is keyless. It shows accidents, and changes made by someone who does not make the rest of
it anew; what binds more is a digest that was published, or a replay.

Names, dtypes and shapes stand once, in the line `leaves` before the first save that has them. Of
each leaf there are the first 12 hex digits of its SHA-256, to name the one that differs, and its
sketch, to say by how much; that two states are the same rests on the digest of the whole. Names of
figures, too, stand once, in a line `figures`; a save has the values.
"""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from research.engine import digests
from research.engine.digests import (
    SHORT,
    LeafRecord,
    Leaves,
    member_digests,
    shortened,
    state_digest,
)
from research.engine.durable import named, sync_directory, write_file
from research.errors import Damaged

FIRST = "0" * 64
"""What the first line carries in place of a digest."""


class Line(NamedTuple):
    """One line of a ledger.

    Attributes:
        kind: `header`, `segment` (the run went on under another environment or code), `leaves`
            (names and types of the leaves of the saves that follow), `figures` (names of their
            figures), `save` or `result`.
        content: the line's own fields.
        digest: SHA-256 over the line and the digest of the line before; the line carries it.
    """

    kind: str
    content: dict[str, Any]
    digest: str


class Ledger(NamedTuple):
    """What a ledger file holds.

    Attributes:
        path: the file.
        lines: the lines whose chain is whole, from the first.
        valid_bytes: how much of the file they take.
        broken: what is wrong with the line after them, or "".
        cut_short: whether the rest is just a last line that a crash cut short.
    """

    path: Path
    lines: tuple[Line, ...]
    valid_bytes: int
    broken: str
    cut_short: bool

    @property
    def header(self) -> dict[str, Any]:
        """The first line's content."""
        return self.lines[0].content

    def of_kind(self, kind: str) -> Iterator[dict[str, Any]]:
        """The contents of all lines of one kind, in order."""
        return (line.content for line in self.lines if line.kind == kind)

    def saves(self) -> dict[int, dict[str, Any]]:
        """Step -> the content of its save line, ascending.

        With the `table` of its leaves, its own figures as `metrics`, and those of the reports
        between it and the save before as `reports`, whatever the form of the line.
        """
        saves: dict[int, dict[str, Any]] = {}
        table: Mapping[str, Any] = {}
        names: Sequence[str] = ()
        for line in self.lines:
            if line.kind == "leaves":
                table = line.content
            elif line.kind == "figures":
                names = line.content["names"]
            elif line.kind == "save":
                step = int(line.content["step"])
                saves[step] = {**line.content, "table": table, **read_figures(line.content, names)}
        return dict(sorted(saves.items()))

    def reports(self) -> dict[int, dict[str, Any]]:
        """Step -> the figures of every line of `metrics.jsonl` up to the last save, ascending."""
        reports: dict[int, dict[str, Any]] = {}
        for step, content in self.saves().items():
            reports |= {int(at): figures for at, figures in content["reports"].items()}
            reports |= {step: content["metrics"]} if content["metrics"] else {}
        return dict(sorted(reports.items()))

    def last(self, kind: str) -> dict[str, Any] | None:
        """The content of the last line of one kind, if there is any."""
        return next((line.content for line in reversed(self.lines) if line.kind == kind), None)

    def result(self) -> dict[str, Any] | None:
        """The content of the last result line, if the run is finished."""
        return self.last("result")


def spell(kind: str, content: Mapping[str, Any], previous: str) -> tuple[bytes, str]:
    """One line as it is written, canonical JSON with its digest, and the digest."""
    line = {"kind": kind, **content}
    digest = hashlib.sha256(_canonical({**line, "previous": previous})).hexdigest()
    return _canonical({**line, "sha256": digest}) + b"\n", digest


def _canonical(line: Mapping[str, Any]) -> bytes:
    # Python writes the shortest digits that read back as the same float: metrics stay exact.
    return json.dumps(line, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def read(path: Path) -> Ledger:
    """Read a ledger as far as its chain is whole. A missing file is an empty ledger."""
    data = path.read_bytes() if path.exists() else b""
    lines: list[Line] = []
    position = 0
    previous = FIRST
    broken = ""
    cut_short = False
    while position < len(data):
        end = data.find(b"\n", position)
        raw = data[position : end + 1] if end >= 0 else data[position:]
        number = len(lines) + 1
        try:
            line = json.loads(raw)
            content = {name: line[name] for name in line.keys() - {"kind", "previous", "sha256"}}
            kind, digest = line["kind"], line["sha256"]
            # A changed exponent can read as infinity, which is spelled by no line of ours.
            whole, right = spell(kind, content, previous)
            if "previous" in line:  # As lines were before they were compact.
                whole = _canonical({**line, "previous": previous, "sha256": right}) + b"\n"
        except (ValueError, KeyError, AttributeError, TypeError):
            cut_short = end < 0
            broken = f"line {number} is " + ("cut short" if cut_short else "not a ledger line")
            break
        if end < 0:
            cut_short, broken = True, f"line {number} is cut short"
            break
        if (whole, right) != (raw, digest):
            broken = f"line {number} is not what was written there after the line before it"
            break
        previous = digest
        lines.append(Line(kind, content, digest))
        position = end + 1
    return Ledger(path, tuple(lines), position, broken, cut_short)


def read_at_work(path: Path) -> Ledger:
    """The ledger of a run that is under way here.

    Raises:
        Damaged: it is gone.
    """
    found = read(path)
    if not found.lines:
        raise _deleted(path)
    return found


def _deleted(path: Path) -> Damaged:
    return Damaged(f"{path} was deleted while the run was at work: nothing vouches for it now")


def append(path: Path, kind: str, content: Mapping[str, Any], previous: str) -> str:
    """Append one line durably; returns its digest.

    Raises:
        OSError: the line could not be written; the file is then as it was.
        Damaged: the lines before it are gone.
    """
    raw, digest = spell(kind, content, previous)
    new = previous == FIRST and not path.exists()
    try:
        # Unbuffered: a buffer would write the rest of a refused line when the file is closed.
        opened = path.open("ab" if previous == FIRST else "r+b", buffering=0)
    except FileNotFoundError:
        raise _deleted(path) from None
    with named(path), opened as file:
        size = file.seek(0, os.SEEK_END)
        try:
            rest = memoryview(raw)
            while rest:
                rest = rest[file.write(rest) :]
            os.fsync(file.fileno())
        except OSError:
            os.truncate(path, size)
            raise
    if new:
        sync_directory(path.parent)
    return digest


def keep_whole_part(ledger: Ledger) -> Path | None:
    """Cut a ledger file back to its whole chain; what is cut off is kept in a file beside it.

    Returns:
        That file, or None where there was nothing to cut off.
    """
    data = ledger.path.read_bytes()
    if len(data) == ledger.valid_bytes:
        return None
    aside = None
    if not ledger.cut_short:
        names = (f"{ledger.path.name}.broken-{number}" for number in itertools.count())
        aside = next(p for p in map(ledger.path.with_name, names) if not p.exists())
        write_file(aside, data)
    with named(ledger.path), ledger.path.open("r+b") as file:
        file.truncate(ledger.valid_bytes)
        os.fsync(file.fileno())
    return aside


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
    """The fields of a save's line on the state.

    With `members` the leaves are those of a population, `[members, ...]`.
    """
    content = {
        "step": step,
        "digest": state_digest(records),
        "leaves": spell_short(records),
        "sketches": digests.spell({name: leaves[name] for name in _sketched(leaves)}),
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
    return digests.parse(text, _sketched(save["table"]["names"])) if text else {}


def _sketched(names: Iterable[str]) -> list[str]:
    return [name for name in names if digests.is_part(name)]


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

    `names` has at least those of the reports.
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

    `names` are those of the last line `figures` before it.
    """
    if "figures" not in save:  # As lines were before they were compact.
        return {"metrics": save.get("metrics", {}), "reports": save.get("reports", {})}
    reports = {
        str(step): {n: value for n, value in zip(names, values, strict=False) if value != _ABSENT}
        for step, *values in save["figures"]
    }
    return {"metrics": reports.pop(str(save["step"]), {}), "reports": reports}


def is_of(save: Mapping[str, Any], records: Mapping[str, LeafRecord]) -> bool:
    """Whether a save's line is of the state that these (whole) records are of."""
    return save["digest"] == state_digest(records) and read_leaves(save) == shortened(records)
