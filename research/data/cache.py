"""Decoded splits on disk, as arrays that are memory-mapped: decoding is what reading costs.

    <cache>/decoded/<data set>/<version>/<split>/
        <digest of the decoded content>/   one .npy a column, and manifest.json
        <fingerprint of the prepared files>.json   which content they decode to

The content is named by its digest, and checked against it whenever it is loaded: what is damaged
is decoded again. Prepared files that changed have another fingerprint.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Iterable
from pathlib import Path
from urllib.parse import quote

import numpy as np

from research.data import columns as column_functions
from research.data.columns import Columns
from research.data.files import exclusive, new_directory, replace_file

FORMAT = 1
"""Changes whenever the same files would be decoded otherwise."""


def fingerprint(data_files: Iterable[Path], description_files: Iterable[Path]) -> str:
    """SHA-256 (hex) that changes when prepared files do.

    Args:
        data_files: known by name, size and time of change, since they are large.
        description_files: known by their bytes.
    """
    state = hashlib.sha256(f"format {FORMAT}".encode())
    for path in data_files:
        facts = path.stat()
        state.update(f"\0{path.name} {facts.st_size} {facts.st_mtime_ns}".encode())
    for path in description_files:
        state.update(b"\0" + path.name.encode() + b"\0" + path.read_bytes())
    return state.hexdigest()


def load(directory: Path, files: str, decode: Callable[[], Columns]) -> Columns:
    """The decoded columns, memory-mapped; decoded and kept first where they are not there.

    Safe with several processes at once: one decodes, the others wait. Where the cache cannot be
    written (read-only, full), the decoded columns are given all the same.

    Args:
        directory: of this split.
        files: fingerprint of the prepared files.
        decode: makes the columns.
    """
    if (kept := _kept(directory, files)) is not None:
        return kept
    decoded: Columns | None = None
    try:
        with exclusive(directory / "lock"):
            # Another process may have decoded while this one waited.
            if (kept := _kept(directory, files)) is not None:
                return kept
            decoded = decode()
            digest = _keep(directory, decoded)
            replace_file(directory / f"{files}.json", json.dumps({"digest": digest}) + "\n")
    except OSError as error:
        logging.getLogger(__name__).warning("not cached in %s: %s", directory, error)
        return decode() if decoded is None else decoded
    return decoded


def _kept(directory: Path, files: str) -> Columns | None:
    """What is there, if it is what it should be."""
    try:
        digest = json.loads((directory / f"{files}.json").read_text(encoding="utf-8"))["digest"]
        content = directory / digest
        manifest = json.loads((content / "manifest.json").read_text(encoding="utf-8"))
        columns = {name: _open(content, name, kind) for name, kind in manifest["columns"].items()}
        intact = column_functions.digest(columns) == digest
    except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError):
        return None
    return columns if intact else None


def _keep(directory: Path, columns: Columns) -> str:
    digest = column_functions.digest(columns)
    with new_directory(directory / digest) as content:
        kinds = {}
        for name, column in columns.items():
            path = _path(content, name)
            if column.dtype == object:
                kinds[name] = "text"
                ends = np.cumsum([0, *map(len, column)])
                np.save(path.with_suffix(".ends.npy"), ends)
                column = np.frombuffer(b"".join(column), np.uint8)
            else:
                kinds[name] = "array"
            np.save(path, column, allow_pickle=False)
        (content / "manifest.json").write_text(json.dumps({"columns": kinds}), encoding="utf-8")
    return digest


def _open(content: Path, name: str, kind: str) -> np.ndarray:
    path = _path(content, name)
    column = np.load(path, mmap_mode="r", allow_pickle=False)
    if kind == "array":
        return column
    ends = np.load(path.with_suffix(".ends.npy"), allow_pickle=False)
    whole = column.tobytes()
    texts = np.empty(len(ends) - 1, object)
    texts[:] = [
        whole[start:end] for start, end in zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True)
    ]
    return texts


def _path(content: Path, name: str) -> Path:
    return content / f"{quote(name, safe='')}.npy"
