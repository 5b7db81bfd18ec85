"""Checkpoints: a carry's leaves on disk through Orbax, whole or not there, checked when read."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from research.engine import durable
from research.engine.digests import LeafRecord, Leaves, record_leaves
from research.engine.leaves import host_types
from research.errors import Damaged

MANIFEST = "manifest.json"
CONTENT = "leaves"
OVERHEAD = 2**17
"""Bytes that a checkpoint may need on disk beside its leaves."""


class Facts(NamedTuple):
    """What the loop wants to know again beside the leaves; no part of a run's digest.

    Attributes:
        reported: whether the metrics among the leaves have been reported already.
        seconds: time spent on the steps so far, in all processes.
    """

    reported: bool
    seconds: float


class Checkpoint(NamedTuple):
    """What was read of a checkpoint: its leaves, and the loop's own facts beside them."""

    leaves: Leaves
    records: dict[str, LeafRecord]
    facts: Facts


def path_of(directory: Path, step: int) -> Path:
    """Where the checkpoint of a step lies."""
    return directory / str(step)


def stored_steps(directory: Path) -> list[int]:
    """The steps of which a checkpoint lies there, ascending."""
    if not directory.is_dir():
        return []
    return sorted(int(path.name) for path in directory.iterdir() if path.name.isdecimal())


def write(
    directory: Path,
    step: int,
    leaves: Leaves,
    records: Mapping[str, LeafRecord],
    facts: Facts,
) -> Path:
    """Write one checkpoint durably; it appears under its step's name only when it is whole.

    Raises:
        OSError: the disk is full, or the directory cannot be written.
    """
    final = path_of(directory, step)
    part = directory / f".{step}.{os.getpid()}.part"
    shutil.rmtree(part, ignore_errors=True)
    # Without what is above: of a run that was moved away, nothing is to begin anew.
    directory.mkdir(exist_ok=True)
    part.mkdir()
    try:
        # Orbax refuses arrays without elements; the manifest says all there is to know of one.
        stored = {str(i): leaf for i, leaf in enumerate(leaves.values()) if leaf.size}
        if stored:
            _store((part / CONTENT).absolute(), stored)
        manifest = {
            "step": step,
            "facts": facts._asdict(),
            "leaves": [[name, *record] for name, record in records.items()],
            "files": durable.file_digests(part, MANIFEST),
        }
        manifest["sha256"] = _manifest_digest(manifest)
        durable.write_file(part / MANIFEST, json.dumps(manifest, indent=1))
        durable.sync_tree(part)
        if final.exists():
            set_aside(final)
        part.rename(final)
        durable.sync_directory(directory)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    return final


def _store(path: Path, stored: Leaves) -> None:
    # Orbax meets a full disk with a page of tracebacks: better not to let it come to that.
    needed = sum(leaf.nbytes for leaf in stored.values()) + OVERHEAD
    if shutil.disk_usage(path.parent).free < needed:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
    with durable.named(path), _orbax() as checkpointer:
        try:
            checkpointer.save(path, stored)
        except OSError:
            raise
        except Exception as error:
            # Orbax reports a full disk by ValueError, with the system's number in its text.
            number = re.search(r"os_error_code='(\d+)'", str(error))
            gone = any(words in str(error) for words in ("are missing", "NOT_FOUND"))
            gone = gone or not path.parent.exists()
            if number is None and not gone:
                raise
            # What it has just written, somebody has deleted.
            code = int(number[1]) if number else errno.ENOENT
            raise OSError(code, os.strerror(code), str(path)) from None


def read(directory: Path, step: int) -> Checkpoint:
    """Read one checkpoint, checking every file against its manifest and every leaf's digest.

    Raises:
        Damaged: a file is missing, cut short or changed; the message names it.
    """
    return _read(path_of(directory, step))


def _read(path: Path) -> Checkpoint:
    manifest = _read_manifest(path)
    wrong = durable.changed_files(manifest["files"], durable.file_digests(path, MANIFEST))
    if wrong:
        raise Damaged(f"checkpoint {path} is damaged: {'; '.join(wrong)}")
    records = {
        name: LeafRecord(sha256, dtype, tuple(shape))
        for name, sha256, dtype, shape in manifest["leaves"]
    }
    leaves = _restore(path, records)
    if record_leaves(leaves) != records:
        found = record_leaves(leaves)
        name = next(name for name in records if found[name] != records[name])
        raise Damaged(f"checkpoint {path} is damaged: leaf {name} is not what was saved")
    return Checkpoint(leaves, records, Facts(**manifest["facts"]))


def read_whole(directory: Path, step: int) -> Checkpoint | None:
    """The checkpoint of a step; None where it is damaged or not there."""
    try:
        return read(directory, step)
    except Damaged:
        return None


def newest_whole(directory: Path) -> tuple[int, Checkpoint] | None:
    """The newest checkpoint that is not damaged, and its step; None where there is none."""
    for step in reversed(stored_steps(directory)):
        if found := read_whole(directory, step):
            return step, found
    return None


def _read_manifest(path: Path) -> dict[str, Any]:
    try:
        text = (path / MANIFEST).read_text()
        manifest = json.loads(text)
        if text != json.dumps(manifest, indent=1):
            raise ValueError("it is not spelled as it was written")
        if manifest.pop("sha256") != _manifest_digest(manifest):
            raise ValueError("its own digest does not fit")
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        raise Damaged(f"checkpoint {path} is damaged: {MANIFEST} is missing") from None
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise Damaged(f"checkpoint {path} is damaged: {MANIFEST}: {error}") from None
    return manifest


def _manifest_digest(manifest: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()


def _restore(path: Path, records: Mapping[str, LeafRecord]) -> Leaves:
    content = path / CONTENT
    stored: Mapping[str, np.ndarray] = {}
    if content.exists():
        with _orbax() as checkpointer:
            try:
                stored = checkpointer.restore(content.absolute())
            except Exception as error:  # Orbax raises whatever its parts raise
                raise Damaged(f"checkpoint {path} is damaged: {error}") from None
    leaves = {}
    for i, (name, record) in enumerate(records.items()):
        if 0 in record.shape:
            leaves[name] = np.zeros(record.shape, _dtype(record.dtype))
        else:
            leaves[name] = np.asarray(stored[str(i)])
    return leaves


def _dtype(name: str) -> np.dtype:
    import ml_dtypes

    return np.dtype(getattr(ml_dtypes, name, name))


def _orbax() -> Any:
    import jax
    import orbax.checkpoint

    # One process writes, and reads, alone: the others are not asked to wait for it.
    alone = orbax.checkpoint.options.MultiprocessingOptions(
        primary_host=jax.process_index(),
        active_processes={jax.process_index()} if jax.process_count() > 1 else None,
        barrier_sync_key_prefix=f"encore{jax.process_index()}",
    )
    handler = orbax.checkpoint.PyTreeCheckpointHandler(multiprocessing_options=alone)
    return orbax.checkpoint.Checkpointer(handler, multiprocessing_options=alone)


def mismatches(records: Mapping[str, LeafRecord], shapes: Any) -> list[str]:
    """Sentences on each leaf that a program of other shapes cannot take; empty when all fit.

    Orbax would cast float32 to bfloat16 without a word: here a dtype is as good as a name.

    `shapes` is the carry that the program takes, a pytree of `jax.ShapeDtypeStruct`.
    """
    expected = {name: (dtype.name, shape) for name, (dtype, shape) in host_types(shapes)}
    sentences = [f"{name} is not in the checkpoint" for name in expected if name not in records]
    sentences += [f"{name} is unknown to the program" for name in records if name not in expected]
    for name in expected.keys() & records.keys():
        found = (records[name].dtype, tuple(records[name].shape))
        if found != expected[name]:
            sentences.append(
                f"{name} is {_spell(*found)}, the program takes {_spell(*expected[name])}"
            )
    return sorted(sentences)


def _spell(dtype: str, shape: tuple[int, ...]) -> str:
    return f"{dtype}{list(shape)}"


def set_aside(path: Path) -> Path:
    """Keep a damaged or superseded checkpoint under another name, out of the way."""
    for attempt in range(10_000):
        aside = path.with_name(f"{path.name}.aside-{attempt}")
        if not aside.exists():
            path.rename(aside)
            return aside
    raise OSError(f"{path.parent} is full of checkpoints set aside: remove some")


def remove_equal_asides(directory: Path, step: int, records: Mapping[str, LeafRecord]) -> None:
    """Remove what was set aside of a step and is whole and the same as what was made again."""
    for aside in directory.glob(f"{step}.aside-*"):
        try:
            same = _read(aside).records == records
        except Damaged:
            continue
        if same:
            durable.remove_tree(aside)


def remove_parts(directory: Path) -> None:
    """Remove what saves that never ended have left."""
    for part in directory.glob(".*.part"):
        if part.is_dir():
            shutil.rmtree(part, ignore_errors=True)
        else:
            part.unlink(missing_ok=True)


class Retention(NamedTuple):
    """Which checkpoints stay: the `last` so many, and one `every` so many steps (0 for none)."""

    last: int = 3
    every: int = 0


def prune(directory: Path, retention: Retention, keep: Callable[[int], bool]) -> list[int]:
    """Remove the checkpoints that retention does not hold; returns the steps removed.

    `keep` holds steps besides, such as the best by a metric.
    """
    steps = stored_steps(directory)
    newest = set(steps[-max(1, retention.last) :])
    removed = [
        step
        for step in steps
        if step not in newest
        and not (retention.every and step % retention.every == 0)
        and not keep(step)
    ]
    for step in removed:
        # Renamed first: a removal cut short must not leave half a checkpoint under its name.
        path = path_of(directory, step)
        part = directory / f".{step}.{os.getpid()}.removed.part"
        path.rename(part)
        durable.remove_tree(part)
    return removed
