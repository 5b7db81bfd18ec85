"""The pass over all files of a data set that finds, decodes and hashes every record."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from research.data import columns as column_functions
from research.data.columns import Columns
from research.data.file_sets.plain import Tell
from research.data.file_sets.shards import Shard
from research.data.formats.format import (
    Broken,
    Format,
    Forms,
    Misfit,
    Unreadable,
    forms_to_json,
)
from research.errors import Damaged, Mistake

_NAMED = 1000
"""Broken places that are kept by name; all are counted."""


class _Breaks:
    """What is broken: the end, or counted and part of what the data are."""

    def __init__(self, skip: bool) -> None:
        self._skip = skip
        self.count = 0
        self.first: list[tuple[str, str, str]] = []
        self.state = hashlib.sha256()

    def add(self, shard: Shard, broken: Broken) -> None:
        if not self._skip:
            raise Damaged(
                f"{shard.name}: {broken.where}: {broken.what}.\nGet the file anew or correct it, "
                "or leave out what is broken: damaged='skip', in a command --damaged skip"
            )
        self.count += 1
        # Not what is wrong there: the words are those of a library, and of its version.
        self.state.update(json.dumps([_short(shard), broken.where]).encode())
        if len(self.first) < _NAMED:
            self.first.append((shard.name, *broken))

    def in_digest(self, whole: str) -> str:
        """The digest of what is left, which means something else where something is left out."""
        if not self.count:
            return whole
        meaning = f"left out: {self.count} {self.state.hexdigest()}"
        return column_functions.with_meaning(whole, meaning)

    def all_lost(self) -> str:
        """What to say of files of which no record is left."""
        if not self.count:
            return "there is no record in it"
        where, what = self.first[0][1:]
        return f"no record can be read, of {self.count:,} that are broken; first {where}: {what}"


def make_manifest(
    shards: Sequence[Shard],
    paths: Sequence[Path],
    format: Format,
    skip: bool,
    file: BinaryIO,
    tell: Tell,
) -> dict[str, Any]:
    """Go through all files, decode every record, and write where they lie.

    Args:
        shards: the files.
        paths: where each is read.
        format: how.
        skip: whether broken records are left out.
        file: takes the positions of the records, int64, of the shards that need them.
        tell: shows how far it is.

    Returns:
        JSON values: `shards`, of each the records and the numbers in a position (0 where a position
        is the record's number); `forms`, `left_out`, `broken`, `digest`.

    Raises:
        Mistake: there is no record.
        Damaged: a file is broken, and nothing is to be skipped.
        OSError: the positions cannot be written.
    """
    breaks, digest = _Breaks(skip), column_functions.Digest()
    forms: Forms | None = None
    counts: list[tuple[int, int]] = []
    total, before = sum(path.stat().st_size for path in paths), 0
    for shard, path in zip(shards, paths, strict=True):
        reading = _Reading(shard, path, format, breaks)
        forms = forms or reading.infer()
        records, begin, whole, width = 0, file.tell(), True, 0
        for positions, columns, done in reading.records(forms or {}):
            digest.update(columns)
            file.write(np.ascontiguousarray(positions, np.int64).tobytes())
            whole &= np.array_equal(positions[:, 0], records + np.arange(len(positions)))
            records, width = records + len(positions), positions.shape[1]
            tell(f"reading {_short(shard)}", before + done, total)
        if format.by_number and whole:
            file.seek(begin)
            file.truncate()
            width = 0
        counts.append((records, width))
        before += path.stat().st_size
    if not sum(records for records, _ in counts):
        raise Mistake(f"{shards[0].name}{' ...' * (len(shards) > 1)}: {breaks.all_lost()}")
    return {
        "shards": counts,
        "forms": forms_to_json(forms or {}),
        "left_out": breaks.count,
        "broken": breaks.first,
        "digest": breaks.in_digest(digest.hexdigest()),
    }


def _short(shard: Shard) -> str:
    return shard.name.rpartition("/")[2]


class _Reading(NamedTuple):
    """One file while the index is made."""

    shard: Shard
    path: Path
    format: Format
    breaks: _Breaks

    def infer(self) -> Forms | None:
        """The forms of the columns; None where there is no record that can be decoded."""
        if not self.shard.size:
            return None
        try:
            scanned = (found.positions for found in self.format.scan(self.path))
            positions = filter(len, scanned)
            if (first := next(positions, None)) is None:
                return None
            return self.format.infer(self.path, itertools.chain([first], positions))
        except Unreadable:  # `records` meets the same, and adds it to what is broken
            return None
        except OSError as error:
            raise self._failed(error) from error

    def records(self, forms: Forms) -> Iterator[tuple[np.ndarray, Columns, int]]:
        """(positions, columns, bytes done) of all records that can be decoded."""
        if not self.shard.size:
            self.breaks.add(self.shard, Broken("byte 0", "the file is empty"))
            return
        try:
            for positions, broken, done in self.format.scan(self.path):
                for each in broken:
                    self.breaks.add(self.shard, each)
                if len(positions) and not forms:
                    raise Unreadable("none of its records can be read")
                if len(positions):
                    for good, columns in self._decoded(positions, forms):
                        yield good, columns, done
        except Unreadable as error:
            self.breaks.add(self.shard, Broken("the file as a whole", str(error)))
        except OSError as error:
            raise self._failed(error) from error

    def _decoded(self, positions: np.ndarray, forms: Forms) -> Iterator[tuple[np.ndarray, Columns]]:
        """(positions, columns) of all together; or else of each half by itself."""
        try:
            together = self.format.decode(self.path, positions, forms)
        except Misfit:
            raise
        except Unreadable as error:
            reason = str(error)
        else:
            yield positions, together
            return
        if len(positions) == 1:
            self.breaks.add(self.shard, Broken(self.format.where(self.path, positions[0]), reason))
            return
        middle = len(positions) // 2
        yield from self._decoded(positions[:middle], forms)
        yield from self._decoded(positions[middle:], forms)

    def _failed(self, error: OSError) -> Damaged:
        return Damaged(f"{self.shard.name} cannot be read: {error.strerror or error}")
