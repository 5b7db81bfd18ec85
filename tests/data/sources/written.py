"""The same examples in each format, by writers that are not Encore's where there are any."""

from __future__ import annotations

import csv
import gzip
import io
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

import numpy as np

from research.data.columns import Columns, Form, as_objects
from research.data.formats.array_records import ArrayRecord
from research.data.formats.content import encode_columns
from research.data.formats.csv_files import CSV
from research.data.formats.fixed import Field, Fixed, Idx, Npy
from research.data.formats.format import TEXT, Format, Forms
from research.data.formats.lines import Lines
from research.data.formats.parquet import Parquet
from research.data.formats.tar_shards import Tar
from research.data.formats.tfrecord import TFRecord, write_record
from research.data.formats.writers import WRITERS


class Way(NamedTuple):
    """A format, what it can hold of `examples`, and a writer of it.

    Attributes:
        format: which reads it.
        columns: those that it can hold.
        write: (columns, path) writes them.
    """

    format: Format
    columns: tuple[str, ...]
    write: Callable[[Columns, Path], None]


FORMS: Forms = {
    "count": Form(np.dtype(np.int64), ()),
    "ratio": Form(np.dtype(np.float32), ()),
    "text": TEXT,
}
SCALARS = ("count", "ratio", "text")
NUMBERS = ("count", "ratio")


def examples(count: int, seed: int = 0) -> Columns:
    """An integer, a float and a text each, with what is hard to write: quotes, line breaks, NaN."""
    draw = np.random.default_rng(seed)
    letters = list('ab,"\n é;\t')
    texts = ["".join(draw.choice(letters, draw.integers(0, 12))).encode() for _ in range(count)]
    ratio = draw.normal(size=count).astype(np.float32)
    ratio[draw.random(count) < 0.1] = np.nan
    numbers = draw.integers(-(2**63), 2**63, count, np.int64) >> draw.integers(0, 63, count)
    return {"count": numbers, "ratio": ratio, "text": as_objects(texts)}


def _opened(path: Path) -> BinaryIO:
    return cast(BinaryIO, gzip.open(path, "wb")) if path.suffix == ".gz" else path.open("wb")


def write_tfrecord(columns: Columns, path: Path) -> None:
    with _opened(path) as file:
        for record in encode_columns(columns):
            write_record(file, record)


def write_csv(columns: Columns, path: Path) -> None:
    with _opened(path) as binary, io.TextIOWrapper(binary, "utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        for row in zip(*columns.values(), strict=True):
            writer.writerow(["" if each != each else _spelled(each) for each in row])


def _spelled(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def write_parquet(columns: Columns, path: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    texts = {name: [text.decode() for text in columns[name]] for name in {"text"} & set(columns)}
    table = pa.table({**columns, **texts})
    parquet.write_table(table, path, row_group_size=7, write_page_checksum=True)


def write_array_record(columns: Columns, path: Path) -> None:
    WRITERS[ArrayRecord].write(ArrayRecord(), iter([columns]), path)


def write_fixed(columns: Columns, path: Path) -> None:
    rows = np.empty(len(columns["count"]), [("count", ">i8"), ("ratio", "<f4")])
    rows["count"], rows["ratio"] = columns["count"], columns["ratio"]
    rows.tofile(path)


def write_npy(columns: Columns, path: Path) -> None:
    rows = np.empty(len(columns["count"]), [("count", "<i8"), ("ratio", ">f4")])
    rows["count"], rows["ratio"] = columns["count"], columns["ratio"]
    with path.open("wb") as file:  # of a path, NumPy would change the name
        np.save(file, rows)


def write_idx(columns: Columns, path: Path) -> None:
    (ratio,) = columns.values()
    path.write_bytes(
        bytes([0, 0, 13, 1]) + len(ratio).to_bytes(4, "big") + ratio.astype(">f4").tobytes()
    )


def write_lines(columns: Columns, path: Path) -> None:
    path.write_bytes(b"".join(text + b"\n" for text in columns["text"]))


def write_tar(columns: Columns, path: Path) -> None:
    with tarfile.open(path, "w") as tar:
        for row, (count, text) in enumerate(zip(*columns.values(), strict=True)):
            for name, content in (("count", b"%d" % count), ("text", text)):
                member = tarfile.TarInfo(f"{row:06}.{name}")
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))


WAYS = {
    "tfrecord": Way(TFRecord(FORMS), SCALARS, write_tfrecord),
    "csv": Way(CSV(FORMS), SCALARS, write_csv),
    "parquet": Way(Parquet(), SCALARS, write_parquet),
    "array_record": Way(ArrayRecord(FORMS), SCALARS, write_array_record),
    "fixed": Way(Fixed({"count": Field(">i8"), "ratio": Field("<f4")}), NUMBERS, write_fixed),
    "npy": Way(Npy(), NUMBERS, write_npy),
    "idx": Way(Idx("ratio"), ("ratio",), write_idx),
    "lines": Way(Lines(), ("text",), write_lines),
    "tar": Way(
        Tar({name: FORMS[name] for name in ("count", "text")}), ("count", "text"), write_tar
    ),
}


def fitting(columns: Columns, way: Way) -> Columns:
    """The columns that a format can hold; of texts, in lines, without line breaks."""
    kept = {name: columns[name] for name in way.columns}
    if isinstance(way.format, Lines):
        kept["text"] = as_objects([text.replace(b"\n", b"") for text in kept["text"]])
    return kept
