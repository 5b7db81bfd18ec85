"""Any source written into files: shard by shard, each whole or not there, continued after a kill.

    train = write_files(TfdsSplit("fashion_mnist", "train"), TFRecord(), "fashion", shards=20)

While files are made, `<folder>/.writing` holds what is known of those that are whole, and a lock.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from research.data import columns as column_functions
from research.data.bar import Bar
from research.data.columns import Columns, Form, is_text
from research.data.file_sets.files import Files
from research.data.file_sets.manifest import (
    Manifest,
    WrittenFile,
    checksum,
    files_of,
    read_manifest,
    save_manifest,
)
from research.data.file_sets.plain import Tell
from research.data.formats.format import PART, TEXT, Format, Forms, Unreadable
from research.data.formats.writers import settle_format, spell_form, writer_of
from research.data.order import permute
from research.data.storage import exclusive, workshop
from research.engine.durable import NO_SPACE, remove_tree, sync_directory, sync_file, write_file
from research.engine.experiment import Source
from research.engine.keys import stream
from research.errors import Mistake, Stopped

STATE = ".writing"
_permute = jax.jit(permute, static_argnums=2)


def write_files(
    source: Source,
    format: Format,
    directory: str | Path,
    *,
    shards: int = 1,
    shuffle: int | None = None,
) -> Files:
    """Write all examples of a source, as equal shards as can be, and a manifest beside them.

    Where the folder has the manifest of the same source, format, number of shards and shuffle,
    nothing is read of the source but its digest. Safe with several processes at once: one writes,
    the others wait. A call after one that was killed goes on where that was: files that are whole
    are not written again. Each file is read back before it gets its name, and compared.

    Args:
        source: what is written.
        format: how: `TFRecord()`, `ArrayRecord()`, `Parquet()`, `CSV()` or `Fixed(...)`. Where it
            names columns, these alone are written.
        directory: a folder of its own: new, empty, or begun by the same call before.
        shards: how many files, at most as many as there are examples.
        shuffle: a seed, from 0 to 2**32 - 1: examples are written in the order in which a run of
            this seed reads its first epoch. None keeps the source's order.

    Returns:
        The files as a source. Its digest is that of the source where nothing is shuffled and all
        columns are written.

    Raises:
        Mistake: the format cannot hold a column, or the folder holds something else.
        Damaged: of what was written before, a file is missing or changed in size.
        Stopped: there is no room; the same call continues.
        ValueError: `shards` or `shuffle` is out of range.
    """
    if not 1 <= shards <= len(source):
        raise ValueError(f"shards is {shards}; {source.name} has {len(source):,} examples to fill")
    if shuffle is not None and not 0 <= shuffle < 2**32:
        raise ValueError(f"shuffle is {shuffle}; it must be 0 to 2**32 - 1")
    writer = writer_of(format)
    folder = Path(directory).expanduser().absolute()
    plan = {
        "source": source.digest(),
        "format": [format.title, format.settings()],
        "shards": shards,
        "shuffle": shuffle,
    }
    plan = json.loads(json.dumps(plan))
    if (made := _made(folder, plan)) is not None:
        return made
    state = folder / STATE
    settled = settle_format(format, forms_of(source), source.name)
    work = _Work(source, settled, writer.wanted(settled), folder, shards, shuffle)
    try:
        with exclusive(state / "lock"):
            # Another process may have written it while this one waited.
            if (made := _made(folder, plan)) is not None:
                return made
            _begin(state, plan)
            with Bar() as tell:
                files = tuple(work.made(number, tell) for number in range(shards))
            manifest = Manifest(plan, source.name, settled, work.forms, files, "")
            whole = files_of(folder, manifest).digest()
            save_manifest(folder, manifest._replace(digest=whole))
            remove_tree(state)
    except OSError as error:
        if error.errno not in NO_SPACE:
            raise
        there = sum(work.known(number) is not None for number in range(shards))
        raise Stopped(
            f"there is no room to write {folder}: {error.strerror}. {there} of {shards} files are "
            "whole and stay there; make room, and the same command continues."
        ) from None
    return files_of(folder, manifest)


def shuffled_order(examples: int, seed: int) -> Callable[[int, int], np.ndarray]:
    """(start, stop) -> the rows at these places of the first epoch of a run with this seed.

    At most `PART` at once: int `[stop - start]`.
    """
    key = jax.random.fold_in(stream(seed, "order"), 0)

    def rows(start: int, stop: int) -> np.ndarray:
        places = np.minimum(np.arange(start, start + PART), examples - 1)
        return np.asarray(_permute(key, places.astype(np.int32), examples))[: stop - start]

    return rows


def forms_of(source: Source) -> Forms:
    """The forms of a source's columns: those that it knows, or else that its first examples have.

    Of a ragged column, those axes are of any length that differ among these; else the first.
    """
    if isinstance(source, Files):
        return source.forms
    some = source.read(np.arange(min(PART, len(source))))
    return {name: _form(some[name]) for name in sorted(some)}


def _form(column: np.ndarray) -> Form:
    if column.dtype != object:
        return Form(column.dtype.newbyteorder("="), column.shape[1:])
    if is_text(column):
        return TEXT
    full = [value.shape for value in column if value.size]
    # An example without elements may not know its other axes.
    every = [value.shape for value in column]
    open_axes = _differing(full) or _differing(every)[:1] or [0]
    sizes = enumerate((full or every)[0])
    shape = tuple(None if axis in open_axes else size for axis, size in sizes)
    return Form(column[0].dtype.newbyteorder("="), shape)


def _differing(shapes: list[tuple[int, ...]]) -> list[int]:
    """The axes in which some differ from others."""
    return [axis for axis, sizes in enumerate(zip(*shapes, strict=True)) if len({*sizes}) > 1]


def _made(folder: Path, plan: dict[str, Any]) -> Files | None:
    """The files, if they are there; None where they are to be made.

    Raises:
        Mistake: the folder holds something else.
    """
    if (manifest := read_manifest(folder)) is not None:
        if manifest.plan != plan:
            raise Mistake(
                f"{folder} holds other files: {manifest.source} as {manifest.format.title}, "
                f"{len(manifest.files)} shards. Give another folder, or remove this one."
            )
        return files_of(folder, manifest)
    state = folder / STATE
    if any(state.glob("[0-9]*.json")):
        if json.loads((state / "plan.json").read_text(encoding="utf-8")) != plan:
            raise Mistake(
                f"{folder} holds what was begun of other files, or of these in another way. Give "
                "another folder, or remove this one."
            )
    elif folder.exists() and not folder.is_dir():
        raise Mistake(f"{folder} is a file: give a folder of its own for the files")
    elif folder.exists() and any(each.name != STATE for each in folder.iterdir()):
        raise Mistake(f"{folder} is not empty: give a folder of its own for the files")
    return None


def _begin(state: Path, plan: dict[str, Any]) -> None:
    for left in state.glob(".partial-*"):  # of a process that was killed: this one has the lock
        shutil.rmtree(left, ignore_errors=True)
    write_file(state / "plan.json", json.dumps(plan))


class _Work(NamedTuple):
    """What is to be written, and where."""

    source: Source
    format: Format
    forms: Forms
    folder: Path
    shards: int
    shuffle: int | None

    def made(self, number: int, tell: Tell) -> WrittenFile:
        """A shard, written if it is not there."""
        return self.known(number) or self._write(number, tell)

    def known(self, number: int) -> WrittenFile | None:
        """A shard that is whole."""
        try:
            facts = WrittenFile(**json.loads(self._facts(number).read_text(encoding="utf-8")))
            path = self.folder / facts.name
            whole = path.stat().st_size == facts.bytes and checksum(path) == facts.sha256
        except (OSError, ValueError, TypeError):
            return None
        return facts if whole else None

    def _facts(self, number: int) -> Path:
        return self.folder / STATE / f"{number}.json"

    def _write(self, number: int, tell: Tell) -> WrittenFile:
        writer, size = writer_of(self.format), len(self.source)
        name = f"part-{number:05}-of-{self.shards:05}{writer.suffix}"
        start, stop = (size * (number + more) // self.shards for more in (0, 1))
        order = np.arange if self.shuffle is None else shuffled_order(size, self.shuffle)
        digest = column_functions.Digest()

        def parts() -> Iterator[Columns]:
            for first in range(start, stop, PART):
                last = min(first + PART, stop)
                rows = order(first, last)
                read = self.source.read(rows)
                columns = {each: _native(read[each]) for each in self.forms}
                _require_alike(columns, self.forms, rows, self.source.name)
                digest.update(columns)
                yield columns
                tell(f"writing {name}", last, size)

        with workshop(self.folder / STATE) as place:
            path = place / name
            writer.write(self.format, parts(), path)
            _require_same(path, self.format, self.forms, digest.hexdigest())
            sync_file(path)
            facts = WrittenFile(name, stop - start, path.stat().st_size, checksum(path))
            write_file(self._facts(number), json.dumps(facts._asdict()))
            path.replace(self.folder / name)
            sync_directory(self.folder)
        return facts


def _native(column: np.ndarray) -> np.ndarray:
    return column.astype(column.dtype.newbyteorder("="), copy=False)


def _require_alike(columns: Columns, forms: Forms, rows: np.ndarray, whose: str) -> None:
    for name, form in forms.items():
        column = columns[name]
        if form.shape and None in form.shape and column.dtype == object:
            found = [Form(value.dtype.newbyteorder("="), value.shape) for value in column]
        else:
            found = [_form(column)]
        for row, each in zip(rows, found, strict=False):
            fits = len(each.shape) == len(form.shape) and all(
                want in (None, have) for want, have in zip(form.shape, each.shape, strict=True)
            )
            if each.dtype != form.dtype or not fits:
                raise Mistake(
                    f"column {name!r} of {whose} is {spell_form(form)}, but in example {row:,} "
                    f"{spell_form(each)}: make examples alike by a function (Mapped)"
                )


def _require_same(path: Path, format: Format, forms: Forms, digest: str) -> None:
    """Raise a Mistake where a file does not give back what was written."""
    state = column_functions.Digest()
    try:
        for found in format.scan(path):
            state.update(format.decode(path, found.positions, forms))
        same = state.hexdigest() == digest
    except Unreadable:
        same = False
    if not same:
        raise Mistake(
            f"{path.name}: what was written reads back otherwise. This {format.title} cannot hold "
            "these examples; choose another format."
        )
