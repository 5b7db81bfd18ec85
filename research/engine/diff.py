"""The first save at which the states of two runs differ, and the leaves that do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from research.engine import checkpoint, fingerprint, ledger
from research.engine.digests import Leaves, describe_leaves, differing_leaves
from research.engine.directory import Directories
from research.engine.fingerprint import changed
from research.engine.ledger import Ledger, read_leaves, read_sketches
from research.errors import Damaged


class Parting(NamedTuple):
    """How two runs compare.

    `step` is the first step at which they differ, `leaves` describes those that do.
    """

    common: int
    last_equal: int | None
    step: int | None
    leaves: str
    differences: tuple[str, ...]


def diff(left: Path, right: Path) -> Parting:
    """Compare the ledgers of two runs.

    Raises:
        Damaged: one of the ledgers has no line that can be trusted.
    """
    opened = [ledger.read(Directories(path).ledger) for path in (left, right)]
    for one in opened:
        if not one.lines:
            raise Damaged(f"{one.path} is damaged: {one.broken or 'it is empty'}")
    differences = tuple(_surroundings(*opened))
    saves = [one.saves() for one in opened]
    common = sorted(saves[0].keys() & saves[1].keys())
    last_equal = None
    for step in common:
        ours, theirs = (save[step] for save in saves)
        if ours["digest"] != theirs["digest"]:
            names = differing_leaves(read_leaves(ours), read_leaves(theirs))
            described = describe_leaves(
                names,
                _stored(left, step),
                _stored(right, step),
                read_sketches(ours),
                read_sketches(theirs),
            )
            return Parting(len(common), last_equal, step, described, differences)
        last_equal = step
    return Parting(len(common), last_equal, None, "", differences)


def _stored(run: Path, step: int) -> Leaves:
    stored = checkpoint.read_whole(Directories(run).checkpoints, step)
    return stored.leaves if stored else {}


def _surroundings(left: Ledger, right: Ledger) -> Iterator[str]:
    for one in (left, right):
        if one.broken:
            yield f"broken chain: {one.path}: {one.broken}"
    ours, theirs = left.header, right.header
    for name in ("experiment", "seed", "initial", "population"):
        if ours.get(name) != theirs.get(name):
            yield f"{name}: {ours.get(name)} and {theirs.get(name)}"
    yield from _fields("config", ours["config"], theirs["config"])
    yield from _fields("data", ours["data"], theirs["data"])
    yield from changed(ours["code"], theirs["code"])
    yield from fingerprint.difference(ours["fingerprint"], theirs["fingerprint"])


def _fields(what: str, left: Mapping[str, Any], right: Mapping[str, Any]) -> Iterator[str]:
    for name in sorted(left.keys() | right.keys()):
        if left.get(name) != right.get(name):
            yield f"{what} {name}: {left.get(name)} and {right.get(name)}"
