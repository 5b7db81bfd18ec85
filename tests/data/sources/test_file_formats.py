"""All formats of files: the same examples, however they are written, read and interrupted."""

from __future__ import annotations

import dataclasses
import itertools
import pickle
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from research.data.columns import digest, join
from research.data.file_sets.files import Files
from research.data.formats.format import PART
from research.errors import EncoreError
from tests.data.sources.written import FORMS, NUMBERS, WAYS, Way, examples, fitting

each_format = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)


def same(one, other) -> bool:
    return digest(one) == digest(other)


def write(way: Way, columns, folder: Path, shards: int = 1) -> str:
    count = len(next(iter(columns.values())))
    bounds = np.linspace(0, count, shards + 1).astype(int)
    for number, (start, stop) in enumerate(itertools.pairwise(bounds)):
        part = {name: column[start:stop] for name, column in columns.items()}
        way.write(part, folder / f"part-{number}")
    return str(folder / "part-*")


@each_format
def test_a_format_gives_what_was_written(way, tmp_path):
    columns = fitting(examples(2 * PART + 20), way)
    source = Files(write(way, columns, tmp_path, 3), way.format)
    assert len(source) == 2 * PART + 20 and source.digest() == digest(columns)
    rows = np.random.default_rng(1).integers(0, len(source), 50)
    assert same(source.read(rows), {name: column[rows] for name, column in columns.items()})
    none = source.read(rows[:0])
    assert none.keys() == columns.keys() and not any(map(len, none.values()))
    assert same(source.load(), columns) and same(
        source.read(rows[::-1]), Files(source.paths, source.format).read(rows[::-1])
    )
    with pytest.raises(IndexError):
        source.read(np.array([len(source)]))


def test_one_data_set_has_one_digest_in_all_formats(tmp_path):
    numbers = {name: examples(40)[name] for name in NUMBERS}
    digests = {}
    for name in ("tfrecord", "csv", "parquet", "array_record", "fixed", "npy"):
        forms = {each: FORMS[each] for each in NUMBERS}
        format = WAYS[name].format
        if hasattr(format, "features"):
            format = dataclasses.replace(format, features=forms)
        elif name == "csv":
            format = dataclasses.replace(format, columns=forms)
        (tmp_path / name).mkdir()
        way = WAYS[name]._replace(format=format)
        digests[name] = Files(write(way, numbers, tmp_path / name, 2), format).digest()
    assert set(digests.values()) == {digest(numbers)}


@settings(max_examples=10)
@given(st.sampled_from([*WAYS]), st.integers(1, 40), st.integers(1, 4), st.data())
def test_shards_and_order_of_reading_change_nothing(name, count, shards, data):
    way = WAYS[name]
    columns = fitting(examples(count, count), way)
    rows = np.array(data.draw(st.lists(st.integers(0, count - 1), max_size=20)), int)
    shards = min(shards, count)
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("ENCORE_CACHE_DIR", f"{folder}/cache")
        source = Files(write(way, columns, Path(folder), shards), way.format)
        wanted = {name: column[rows] for name, column in columns.items()}
        assert source.digest() == digest(columns)
        if len(rows):
            assert same(source.read(rows), wanted)


@each_format
@pytest.mark.parametrize("rows", [[0, 0, 0, 3], [3, 0, 3], [2, 1, 1, 2, 0, 5], [0, 1, 2, 3]])
def test_a_record_may_be_read_several_times_at_once(way, rows, tmp_path):
    columns = fitting(examples(6), way)
    source = Files(write(way, columns, tmp_path, 1), way.format)
    assert same(source.read(np.array(rows)), {name: one[rows] for name, one in columns.items()})


@each_format
def test_threads_and_copies_read_the_same(way, tmp_path):
    columns = fitting(examples(60), way)
    source = Files(write(way, columns, tmp_path, 3), way.format)
    rows = [np.random.default_rng(seed).permutation(60) for seed in range(8)]
    with ThreadPoolExecutor(4) as pool:
        read = [*pool.map(source.read, rows)]
    assert same(
        join(read), {name: column[np.concatenate(rows)] for name, column in columns.items()}
    )
    assert same(pickle.loads(pickle.dumps(source)).read(rows[0]), read[0])


def hurt(content: bytes, draw: np.random.Generator) -> bytes:
    """Cut off, with a bit or a run of bytes changed, or with bytes added."""
    kind, at = draw.integers(4), int(draw.integers(len(content)))
    if kind == 0:
        return content[:at]
    if kind == 1:
        return content[:at] + bytes([content[at] ^ 1 << int(draw.integers(8))]) + content[at + 1 :]
    if kind == 2:
        run = draw.integers(0, 256, draw.integers(1, 40), np.uint8).tobytes()
        return content[:at] + run + content[at + len(run) :]
    return content[:at] + draw.bytes(int(draw.integers(1, 20))) + content[at:]


CHECKED = ("tfrecord", "array_record")
"""Formats whose records have checksums: each that is read is one that was written."""


def read_damaged(name: str, seeds: range, folder: Path) -> int:
    """How many of so many damaged files are noticed. All else is read; nothing but a message."""
    way = WAYS[name]
    columns = fitting(examples(23), way)
    way.write(columns, folder / "whole")
    content = (folder / "whole").read_bytes()
    written = {row_digest(columns, row) for row in range(23)}
    noticed = 0
    for seed in seeds:
        path = folder / f"{seed}"
        path.write_bytes(hurt(content, np.random.default_rng(seed)))
        for damaged in ("stop", "skip"):
            source = Files(str(path), way.format, damaged)
            try:
                read = source.read(np.arange(len(source)))
                assert digest(read) == source.digest() or source.left_out
            except EncoreError as error:
                assert str(path) in str(error) and "\n  File" not in str(error)
                noticed += damaged == "stop"
                continue
            if name in CHECKED:
                assert {row_digest(read, row) for row in range(len(source))} <= written
        path.unlink()
    return noticed


def row_digest(columns, row: int) -> str:
    return digest({name: column[row : row + 1] for name, column in columns.items()})


@pytest.mark.parametrize("name", WAYS)
def test_a_damaged_file_gives_a_message_or_what_it_holds(name, tmp_path):
    assert read_damaged(name, range(12), tmp_path) > 0


@pytest.mark.slow
@pytest.mark.parametrize("name", WAYS)
def test_a_thousand_damaged_files(name, tmp_path):
    assert read_damaged(name, range(1000), tmp_path) > 100
