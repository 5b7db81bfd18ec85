"""Decoded splits on disk, as arrays that are memory-mapped: decoding is what reading costs.

    <cache>/decoded/<data set>/<version>/<split>/
        <digest of the decoded content>/   one .npy a column, and manifest.json
        <fingerprint of the prepared files>.json   which content they decode to

The content is named by its digest, and checked against it whenever it is loaded: what is damaged
is decoded again. Prepared files that changed have another fingerprint.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import logging
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote

import numpy as np

from research.data import columns as column_functions
from research.data.columns import Columns
from research.data.storage import exclusive, publish, workshop
from research.engine.durable import write_file

FORMAT = 1
"""Changes whenever the same files would be decoded otherwise."""


def fingerprint(data_files: Iterable[Path], description_files: Iterable[Path]) -> str:
    """SHA-256 (hex) that changes when prepared files do.

    Data files, which are large, are known by name, size and time of change; files of a description
    by their bytes.
    """
    state = hashlib.sha256(f"format {FORMAT}".encode())
    for path in data_files:
        facts = path.stat()
        state.update(f"\0{path.name} {facts.st_size} {facts.st_mtime_ns}".encode())
    for path in description_files:
        state.update(b"\0" + path.name.encode() + b"\0" + path.read_bytes())
    return state.hexdigest()


def load(
    directory: Path, files: str, examples: int, parts: Callable[[], Iterator[Columns]]
) -> Columns | None:
    """The decoded columns, memory-mapped; decoded and kept first where they are not there.

    Needs memory for one part at a time. Safe with several processes at once: one decodes, the
    others wait.

    Args:
        directory: of this split.
        files: fingerprint of the prepared files.
        examples: how many there are.
        parts: decodes the split, part by part.

    Returns:
        The columns, or None where the cache cannot be written (read-only, full).
    """
    if (kept := _kept(directory, files)) is not None:
        return kept
    try:
        with exclusive(directory / "lock"):
            # Another process may have decoded while this one waited.
            if (kept := _kept(directory, files)) is not None:
                return kept
            with workshop(directory) as place:
                content = place / "content"
                digest = _write(content, examples, parts())
                publish(content, directory / digest)
            write_file(directory / f"{files}.json", json.dumps({"digest": digest}) + "\n")
            return _columns(directory / digest)
    except OSError as error:
        logging.getLogger(__name__).warning("not cached in %s: %s", directory, error)
        return None


def _kept(directory: Path, files: str) -> Columns | None:
    """What is there, if it is what it should be."""
    try:
        digest = json.loads((directory / f"{files}.json").read_text(encoding="utf-8"))["digest"]
        columns = _columns(directory / digest)
        intact = column_functions.digest(columns) == digest
    except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError):
        return None
    return columns if intact else None


def _columns(content: Path) -> Columns:
    manifest = json.loads((content / "manifest.json").read_text(encoding="utf-8"))
    return {name: _open(content, name, kind) for name, kind in manifest["columns"].items()}


def _write(content: Path, examples: int, parts: Iterator[Columns]) -> str:
    content.mkdir()
    digest = column_functions.Digest()
    kinds: dict[str, str] = {}
    lengths: dict[str, list[Any]] = {}
    with contextlib.ExitStack() as stack:
        files: dict[str, BinaryIO] = {}
        for part in parts:
            digest.update(part)
            for name, column in part.items():
                if name not in files:
                    kinds[name] = _kind(column)
                    files[name] = stack.enter_context(_path(content, name).open("wb"))
                    if kinds[name] == "array":
                        _write_header(files[name], column.dtype, (examples, *column.shape[1:]))
                if kinds[name] == "array":
                    files[name].write(column.tobytes())
                elif kinds[name] == "text":
                    lengths.setdefault(name, []).extend(map(len, column))
                    files[name].write(b"".join(column))
                else:
                    lengths.setdefault(name, []).extend(value.shape for value in column)
                    files[name].write(b"".join(value.tobytes() for value in column))
    for name, each in lengths.items():
        np.save(_ends(content, name), np.cumsum([0, *each]) if kinds[name] == "text" else each)
    (content / "manifest.json").write_text(json.dumps({"columns": kinds}), encoding="utf-8")
    return digest.hexdigest()


def _kind(column: np.ndarray) -> str:
    """`array`, `text`, or of a ragged column the dtype of its elements."""
    if column.dtype != object:
        return "array"
    return "text" if column_functions.is_text(column) else column[0].dtype.str


def _write_header(file: BinaryIO, dtype: np.dtype, shape: tuple[int, ...]) -> None:
    description = np.lib.format.dtype_to_descr(dtype)
    header = {"descr": description, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)


def _open(content: Path, name: str, kind: str) -> np.ndarray:
    if kind == "array":
        return np.load(_path(content, name), mmap_mode="r", allow_pickle=False)
    lengths = np.load(_ends(content, name), allow_pickle=False)
    if kind == "text":
        text = _path(content, name).read_bytes()
        return column_functions.as_objects(
            [text[start:end] for start, end in itertools.pairwise(lengths.tolist())]
        )
    ends = np.cumsum([0, *np.prod(lengths, axis=1, dtype=int)]).tolist()
    # An empty file cannot be mapped.
    whole = np.memmap(_path(content, name), kind, "r") if ends[-1] else np.empty(0, kind)
    pairs = zip(itertools.pairwise(ends), lengths.tolist(), strict=True)
    return column_functions.as_objects(
        [whole[start:end].reshape(shape).view(np.ndarray) for (start, end), shape in pairs]
    )


def _path(content: Path, name: str) -> Path:
    return content / f"{quote(name, safe='')}.npy"


def _ends(content: Path, name: str) -> Path:
    return content / f"{quote(name, safe='')}.ends.npy"
