"""The files that loaders are measured on: the same examples in the format of each."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers.loading import LONGEST, SIDE
from research.data.formats.examples import encode_example
from research.data.formats.tfrecord import write_record

SHARDS = 4
COUNTS = {
    "texts": 50_000,
    "pictures": 60_000,
    "fixed": 50_000,
    "csv": 400_000,
    "array_record": 100_000,
    "jpeg": 2_000,
}
"""Records of each part."""
SHORTEST = 900
"""Bytes of a text, which have 1.3 kB on average, as on ArrayRecord's page on performance."""
COLUMNS = 9
"""Of CSV files, of which every third holds integers."""

Examples = Iterator[tuple[bytes, int]]
"""Of each example the bytes, and a label from 0 to 9."""


def make(part: str, folder: Path, scale: float) -> None:
    """Make all files of a part; `scale` times as many records as there are otherwise."""
    count = int(COUNTS[part] * scale)
    (folder / "litdata").mkdir(parents=True)
    if part in ("texts", "pictures"):
        examples = texts if part == "texts" else pictures
        _write(folder / "tfrecord", "tfrecord", _TFRecord, examples(count))
        _write(folder / "array_record", "array_record", _ArrayRecord, examples(count))
        _write(folder / "tar", "tar", _Tar, examples(count))
    elif part == "array_record":
        _write(folder / "array_record", "array_record", _ArrayRecord, texts(count), plain=True)
    elif part == "fixed":
        (folder / "binary").mkdir()
        for shard in range(5):
            random = np.random.default_rng(shard)
            records = random.integers(0, 256, (count // 5, 3073), np.uint8)
            records[:, 0] %= 10
            records.tofile(folder / "binary" / f"{shard}.bin")
    elif part == "csv":
        _write_csv(folder / "csv", count)
    else:
        _write_jpeg(folder / "jpeg", count)


def texts(count: int) -> Examples:
    """Texts of varying length."""
    random = np.random.default_rng(0)
    lengths = random.integers(SHORTEST, LONGEST, count).tolist()
    letters = random.integers(97, 123, LONGEST + count, np.uint8).tobytes()
    for number, length in enumerate(lengths):
        yield letters[number : number + length], number % 10


def pictures(count: int) -> Examples:
    """The pixels of pictures of the size of Fashion-MNIST's."""
    pixels = np.random.default_rng(0).integers(0, 256, 784 + count, np.uint8).tobytes()
    for number in range(count):
        yield pixels[number : number + 784], number % 10


def _encode(content: bytes, label: int) -> bytes:
    return encode_example({"x": content, "label": np.array([label])})


class _TFRecord:
    """`tf.train.Example`s with the features `x` (bytes) and `label`."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")

    def add(self, number: int, content: bytes, label: int, plain: bool) -> None:
        write_record(self._file, _encode(content, label))

    def close(self) -> None:
        self._file.close()


class _ArrayRecord:
    """The same in ArrayRecord files as grain advises, each record compressed alone."""

    def __init__(self, path: Path) -> None:
        from array_record.python.array_record_module import ArrayRecordWriter

        self._writer = ArrayRecordWriter(str(path), "group_size:1")

    def add(self, number: int, content: bytes, label: int, plain: bool) -> None:
        self._writer.write(content if plain else _encode(content, label))

    def close(self) -> None:
        self._writer.close()


class _Tar:
    """The same as tar files, in WebDataset's way: a file for each column of an example."""

    def __init__(self, path: Path) -> None:
        self._file = tarfile.TarFile(path, "w")

    def add(self, number: int, content: bytes, label: int, plain: bool) -> None:
        for column, value in (("x", content), ("cls", str(label).encode())):
            entry = tarfile.TarInfo(f"{number:06d}.{column}")
            entry.size = len(value)
            self._file.addfile(entry, io.BytesIO(value))

    def close(self) -> None:
        self._file.close()


def _write(
    folder: Path,
    ending: str,
    opened: Callable[[Path], Any],
    examples: Examples,
    plain: bool = False,
) -> None:
    """Examples in shards, one here and the next in the next."""
    folder.mkdir(parents=True)
    files = [opened(folder / f"{shard}.{ending}") for shard in range(SHARDS)]
    for number, (content, label) in enumerate(examples):
        files[number % SHARDS].add(number, content, label, plain)
    for file in files:
        file.close()


def _write_csv(folder: Path, count: int) -> None:
    import pyarrow as pa
    from pyarrow import csv

    folder.mkdir()
    for shard in range(20):
        numbers = np.random.default_rng(shard).gamma(2.0, 100.0, (count // 20, COLUMNS)).round(4)
        columns = {
            f"c{place}": numbers[:, place] if place % 3 else numbers[:, place].astype(int)
            for place in range(COLUMNS)
        }
        csv.write_csv(pa.table(columns), folder / f"{shard:02d}.csv")


def _write_jpeg(folder: Path, count: int) -> None:
    """Pictures with edges and some noise, about 15 kB each, in ten folders."""
    from PIL import Image

    random = np.random.default_rng(0)
    for label in range(10):
        (folder / str(label)).mkdir(parents=True)
    for number in range(count):
        blocks = random.integers(0, 256, (12, 12, 3), np.uint8).repeat(16, 0).repeat(16, 1)
        noise = random.integers(0, 24, (SIDE, SIDE, 1), np.uint8)
        picture = Image.fromarray(np.clip(blocks.astype(int) + noise, 0, 255).astype(np.uint8))
        picture.save(folder / str(number % 10) / f"{number:05d}.jpg", quality=90)
