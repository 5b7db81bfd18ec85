"""The index of a data set of files: where its records lie, what columns they have, their digest.

Made once, in one pass over all files that also decodes every record, and kept in the cache:

    <cache>/files/<key>/manifest.json     shards, forms, counts, what is broken, the digest
                        positions.bin     int64, of the shards whose records need positions

The key is a digest of the files' paths, sizes and times of change, and of how they are decoded.
"""

from __future__ import annotations

import hashlib
import json
import logging
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from research.data.file_sets.making import make_manifest
from research.data.file_sets.plain import Tell, plain_file
from research.data.file_sets.shards import Shard
from research.data.formats.format import (
    Broken,
    Format,
    Forms,
    forms_from_json,
)
from research.data.storage import exclusive, publish, workshop

FORMAT = 3
"""Changes whenever the same files would be indexed or decoded otherwise."""


class Part(NamedTuple):
    """A shard within a data set.

    Attributes:
        shard: the file as it was when the index was made.
        path: where it is read.
        records: how many.
        positions: int64 `[records, k]`, or None where a record's position is its number.
    """

    shard: Shard
    path: Path
    records: int
    positions: np.ndarray | None


class Index(NamedTuple):
    """What is known of a data set of files.

    Attributes:
        parts: its shards.
        forms: of the columns.
        left_out: how many broken places were skipped.
        broken: the first of them, each with its file.
        digest: as `research.data.columns.digest`, with what was left out as its meaning.
    """

    parts: tuple[Part, ...]
    forms: Forms
    left_out: int
    broken: tuple[tuple[str, Broken], ...]
    digest: str


def key_of(shards: Sequence[Shard], format: Format, skip: bool) -> str:
    """What an index is kept under: SHA-256 (hex)."""
    facts = [FORMAT, [*map(list, shards)], format.title, format.settings(), skip]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def open_index(
    place: Path, shards: Sequence[Shard], format: Format, skip: bool, tell: Tell
) -> Index:
    """The index from the cache, or made and kept there. Where that cannot be, it is made anew.

    Raises:
        Mistake: there is no record, or files cannot be of this format.
        Damaged: a file is broken; with `skip` only where nothing of it can be trusted.
    """
    paths = [plain_file(shard, format, tell) for shard in shards]
    if (kept := _kept(place, shards, paths)) is not None:
        return kept
    try:
        with exclusive(place.with_suffix(".lock")):
            # Another process may have made it while this one waited.
            if (kept := _kept(place, shards, paths)) is not None:
                return kept
            with workshop(place.parent) as made:
                content = made / "content"
                content.mkdir()
                with (content / "positions.bin").open("w+b") as file:
                    manifest = make_manifest(shards, paths, format, skip, file, tell)
                manifest["checksum"] = _checksum(manifest, _mapped(content / "positions.bin"))
                (content / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
                publish(content, place)
        made_now = _kept(place, shards, paths)
        if made_now is not None:
            return made_now
    except OSError as error:
        logging.getLogger(__name__).warning("index not kept in %s: %s", place, error)
    with tempfile.TemporaryFile() as file:
        manifest = make_manifest(shards, paths, format, skip, file, tell)
        file.seek(0)
        return _index(manifest, np.frombuffer(file.read(), np.int64), shards, paths)


def _kept(place: Path, shards: Sequence[Shard], paths: Sequence[Path]) -> Index | None:
    """What is there, if it is what it should be."""
    try:
        manifest = json.loads((place / "manifest.json").read_text(encoding="utf-8"))
        positions = _mapped(place / "positions.bin")
        if _checksum(manifest, positions) != manifest["checksum"]:
            return None
        return _index(manifest, positions, shards, paths)
    except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError):
        return None


def _mapped(file: Path) -> np.ndarray:
    # An empty file cannot be mapped.
    return np.memmap(file, np.int64, "r") if file.stat().st_size else np.empty(0, np.int64)


def _checksum(manifest: dict[str, Any], positions: np.ndarray) -> str:
    state = hashlib.sha256(json.dumps({**manifest, "checksum": ""}, sort_keys=True).encode())
    for start in range(0, len(positions), 1 << 20):
        state.update(positions[start : start + (1 << 20)].tobytes())
    return state.hexdigest()


def _index(
    manifest: dict[str, Any],
    positions: np.ndarray,
    shards: Sequence[Shard],
    paths: Sequence[Path],
) -> Index:
    parts, begin = [], 0
    for shard, path, (records, width) in zip(shards, paths, manifest["shards"], strict=True):
        mine = positions[begin : begin + records * width].reshape(records, -1) if width else None
        parts.append(Part(shard, path, records, mine))
        begin += records * width
    broken = tuple((shard, Broken(*each)) for shard, *each in manifest["broken"])
    forms = forms_from_json(manifest["forms"])
    return Index(tuple(parts), forms, manifest["left_out"], broken, manifest["digest"])
