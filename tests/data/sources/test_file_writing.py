"""Sources written into files: the same content, whatever the format, the shards and the kills."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from research.data.columns import as_objects, digest
from research.data.file_sets.files import Files
from research.data.file_sets.manifest import check_files, files_of, read_manifest
from research.data.file_sets.writing import forms_of, shuffled_order, write_files
from research.data.formats.array_records import ArrayRecord
from research.data.formats.csv_files import CSV
from research.data.formats.fixed import CIFAR10, Field, Fixed, Idx
from research.data.formats.format import PART
from research.data.formats.lines import Lines
from research.data.formats.parquet import Parquet
from research.data.formats.tfrecord import TFRecord
from research.data.formats.writers import WRITERS, binary_of
from research.data.order import shuffled_rows
from research.data.sources.arrays import ArraySource
from research.engine.keys import stream
from research.errors import Damaged, Mistake, Stopped
from tests.data.sources.written import examples

FORMATS = {
    "tfrecord": TFRecord(),
    "array_record": ArrayRecord(),
    "parquet": Parquet(),
    "csv": CSV(delimiter=";"),
}
each_format = pytest.mark.parametrize("format", FORMATS.values(), ids=FORMATS)


def arrays(count: int) -> dict[str, np.ndarray]:
    """What no text can hold: arrays of all kinds, ragged ones, bytes that are no text."""
    draw = np.random.default_rng(count)
    lengths = draw.integers(0, 5, count)
    columns = {
        "bytes": as_objects([draw.bytes(int(length)) for length in lengths]),
        "half": draw.normal(size=count).astype(np.float16),
        "image": draw.integers(0, 256, (count, 3, 2, 1), np.uint8),
        "flags": draw.random((count, 3)) < 0.5,
        "large": draw.integers(0, 2**64, count, np.uint64),
        "double": draw.normal(size=(count, 2)).astype(">f8"),
        "track": as_objects([draw.normal(size=(k, 3)).astype(np.float32) for k in lengths]),
        "steps": as_objects([draw.integers(-5, 5, (2, k)) for k in lengths]),
    }
    return columns


def test_each_format_gives_back_what_was_written(tmp_path):
    source = ArraySource("made", examples(PART + 30))
    numbers = ArraySource("made", {name: source.columns[name] for name in ("count", "ratio")})
    cases = [(source, format) for format in FORMATS.values()]
    cases += [(numbers, binary_of(forms_of(numbers), "made"))]
    for made, format in cases:
        written = write_files(made, format, tmp_path / format.title, shards=3)
        assert written.digest() == made.digest() == digest(written.load())
        assert [*written.records.values()] == [351, 351, 352]
    assert written.name == f"{tmp_path}/binary/part-*-of-00003.bin (binary)"


@pytest.mark.parametrize("name", ["tfrecord", "array_record", "parquet"])
def test_arrays_of_all_kinds(name, tmp_path):
    source = ArraySource("made", arrays(40))
    written = write_files(source, FORMATS[name], tmp_path / "files", shards=2)
    assert written.digest() == source.digest()
    shapes = {each: form.shape for each, form in written.forms.items()}
    assert shapes["track"] == (None, 3) and shapes["steps"] == (2, None)


def test_a_record_of_fixed_length_as_it_is_described(tmp_path):
    draw = np.random.default_rng(0)
    columns = {
        "image": draw.integers(0, 256, (6, 32, 32, 3), np.uint8),
        "label": draw.integers(0, 10, 6).astype(np.uint8),
    }
    written = write_files(ArraySource("made", columns), CIFAR10, tmp_path / "files")
    rows = (tmp_path / "files" / "part-00000-of-00001.bin").read_bytes()
    planes = columns["image"].transpose(0, 3, 1, 2).reshape(6, -1)
    assert rows == np.concatenate([columns["label"][:, None], planes], axis=1).tobytes()
    assert written.digest() == digest(columns)


@each_format
def test_a_shuffle_is_the_first_epoch_of_a_run_with_that_seed(format, tmp_path):
    source = ArraySource("made", examples(PART + 77))
    written = write_files(source, format, tmp_path / "files", shards=4, shuffle=7)
    size = len(source)
    order = np.asarray(shuffled_rows(size, size)(stream(7, "order"), np.int32(0)).position)
    assert sorted(order) == [*range(size)] and not np.array_equal(order, np.arange(size))
    assert written.digest() == digest({n: each[order] for n, each in source.columns.items()})
    assert written.digest() != source.digest()
    assert np.array_equal(shuffled_order(size, 7)(5, 9), order[5:9])


@dataclasses.dataclass(frozen=True, eq=False)
class Watched(ArraySource):
    """Notes what is read of it; and fails after so many parts."""

    reads: list[int] = dataclasses.field(default_factory=list)
    fail_at: int = -1

    def read(self, index):
        self.reads.append(int(index[0]))
        if len(self.reads) == self.fail_at:
            raise KeyboardInterrupt  # no handler of Encore meets it, as if it were killed
        return super().read(index)


@settings(max_examples=6, deadline=None)
@given(st.sampled_from([*FORMATS]), st.integers(1, 6), st.sampled_from([None, 3]))
def test_killed_at_any_moment_it_goes_on_and_the_files_are_the_same(name, fail_at, shuffle):
    with tempfile.TemporaryDirectory() as above, pytest.MonkeyPatch.context() as patch:
        patch.setenv("ENCORE_CACHE_DIR", f"{above}/cache")
        # What is killed removes nothing.
        patch.setattr("research.data.storage.shutil.rmtree", lambda *_, **__: None)
        columns, folder = examples(30), Path(above, "files")
        with pytest.raises(KeyboardInterrupt):
            broken = Watched("made", columns, fail_at=fail_at)
            write_files(broken, FORMATS[name], folder, shards=5, shuffle=shuffle)
        assert read_manifest(folder) is None
        patch.undo()
        patch.setenv("ENCORE_CACHE_DIR", f"{above}/cache")
        whole = {path.name: path.stat().st_ino for path in folder.glob("part-*")}
        assert len(whole) == max(0, fail_at - 2)  # the first read finds the forms
        source = Watched("made", columns)
        written = write_files(source, FORMATS[name], folder, shards=5, shuffle=shuffle)
        assert len(source.reads) == 1 + 5 - len(whole)
        assert (written.digest() == digest(columns)) is (shuffle is None)
        assert {name: (folder / name).stat().st_ino for name in whole} == whole
        assert len([*folder.iterdir()]) == 6


def test_what_is_there_is_not_written_again(tmp_path):
    source = Watched("made", examples(20))
    before = write_files(source, TFRecord(), tmp_path / "files", shards=2)
    facts = {path: path.stat().st_mtime_ns for path in (tmp_path / "files").iterdir()}
    reads = len(source.reads)
    again = write_files(source, TFRecord(), tmp_path / "files", shards=2)
    assert len(source.reads) == reads and again.digest() == before.digest()
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "files").iterdir()} == facts
    others = [
        (ArraySource("other", examples(21)), TFRecord(), {"shards": 2}),
        (source, ArrayRecord(), {"shards": 2}),
        (source, TFRecord(), {"shards": 3}),
        (source, TFRecord(), {"shards": 2, "shuffle": 0}),
    ]
    for other, format, more in others:
        with pytest.raises(Mistake, match="files holds other files: made as TFRecord, 2 shards"):
            write_files(other, format, tmp_path / "files", **more)


def test_several_at_once_write_it_once(tmp_path):
    sources = [Watched("made", examples(60)) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        made = pool.map(
            lambda each: write_files(each, CSV(), tmp_path / "files", shards=3), sources
        )
    assert {each.digest() for each in made} == {digest(examples(60))}
    *others, one = sorted(len(each.reads) for each in sources)
    assert one == 4 and max(others) <= 1  # which is for the forms of the columns


def test_the_manifest_and_its_checksums(tmp_path):
    folder = tmp_path / "a [b]*"
    source = ArraySource("made", examples(11))
    write_files(source, CSV(), folder, shards=3)
    values = json.loads((folder / "manifest.json").read_text())
    assert values["records"] == 11 and values["digest"] == source.digest()
    for each in values["files"]:
        content = (folder / each["name"]).read_bytes()
        assert len(content) == each["bytes"]
        assert hashlib.sha256(content).hexdigest() == each["sha256"]
    manifest = read_manifest(folder)
    assert files_of(folder, manifest).digest() == manifest.digest
    check_files(folder, manifest, lambda *_: None)
    second = folder / "part-00001-of-00003.csv"
    content = second.read_bytes()
    second.write_bytes(content[:-2] + b"x\n")
    files_of(folder, manifest)
    with pytest.raises(Damaged, match="part-00001-of-00003.csv is not as it was written"):
        check_files(folder, manifest, lambda *_: None)
    second.write_bytes(content[:-1])
    with pytest.raises(Damaged, match="00001-of-00003.csv is 1?[0-9]+ bytes long, and was"):
        write_files(source, CSV(), folder, shards=3)
    second.unlink()
    with pytest.raises(Damaged, match="part-00001-of-00003.csv is missing"):
        write_files(source, CSV(), folder, shards=3)
    for broken, why in (('{"version": 2}', "is of version 2"), ("{", "cannot be read as a")):
        (folder / "manifest.json").write_text(broken)
        with pytest.raises(Damaged, match=f"manifest.json {why}"):
            write_files(source, CSV(), folder, shards=3)


def test_every_format_that_is_written_comes_back_from_the_manifest(tmp_path):
    columns = {"a": np.arange(4.0), "b": np.arange(4)}
    fields = {"b": Field(">i8"), "a": Field("<f8")}
    formats = [
        TFRecord(),
        ArrayRecord(),
        Parquet(),
        CSV(names=("b", "a"), delimiter="\t", quote="", missing=("-",)),
        Fixed(fields, head=3),
    ]
    assert {type(each) for each in formats} == {*WRITERS}
    for format in formats:
        folder = tmp_path / format.title
        written = write_files(ArraySource("made", columns), format, folder)
        assert read_manifest(folder).format == written.format
        assert read_manifest(folder).format.settings() == written.format.settings()
    assert (tmp_path / "CSV" / "part-00000-of-00001.csv").read_text().startswith("0\t0\n1\t1\n")


def test_columns_that_the_format_names_are_written_alone(tmp_path):
    source = ArraySource("made", examples(9))
    forms = forms_of(source)
    few = write_files(source, CSV({"ratio": forms["ratio"]}), tmp_path / "a")
    assert [*few.forms] == ["ratio"] and few.digest() == digest({"ratio": source.columns["ratio"]})
    with pytest.raises(Mistake, match="made has no column 'rat'; it has count, ratio, text"):
        write_files(source, CSV({"rat": forms["ratio"]}), tmp_path / "b")
    wrong = "column 'count' of made is int64, and is to be written as float32"
    with pytest.raises(Mistake, match=wrong):
        write_files(source, TFRecord({"count": forms["ratio"]}), tmp_path / "c")


NAN = np.array([np.nan, -np.nan])


@pytest.mark.parametrize(
    ("column", "format", "message"),
    [
        (
            np.zeros((2, 28, 28), np.uint8),
            CSV(),
            "column 'x' of made holds arrays (uint8 [28, 28]), which CSV cannot hold; TFRecord, "
            "ArrayRecord, Parquet and binary can.",
        ),
        (as_objects([b"a", b"b"]), Fixed({"x": Field("u1")}), "holds texts, which binary cannot"),
        (np.zeros(2, np.float16), CSV(), "holds float16, which CSV cannot hold; TFRecord,"),
        (np.array(["a", "b"]), TFRecord(), "which are neither numbers nor texts (bytes), which"),
        (as_objects([b"a", b"\xff\xd8"]), CSV(), "holds b'\\xff\\xd8', which is no text in UTF-8"),
        (NAN, CSV(), "holds NaN of several bit patterns, and CSV has one"),
        (as_objects([b"a,b", b""]), CSV(quote=""), "CSV without quotes cannot hold these texts"),
        (
            as_objects([np.zeros((2, 3)), np.zeros((1, 4))]),
            Parquet(),
            "examples that differ in more than one axis, which Parquet cannot hold, nor can",
        ),
        (np.zeros((2, 0)), TFRecord(), "holds examples of no elements"),
        (np.arange(2), Idx("x"), "IDX is only read; TFRecord, ArrayRecord, Parquet, CSV and"),
        (np.arange(2), Lines(), "text lines is only read"),
        (np.arange(2), CSV(encoding="latin-1"), "CSV is written in UTF-8"),
        (np.arange(2), CSV(names=("y",)), "names are y, and columns x"),
        (np.arange(2), TFRecord(content="sequence"), "sequences are only read"),
        (np.arange(2), TFRecord(content="bytes"), "is one text column 'record', not x"),
    ],
)
def test_what_a_format_cannot_hold(column, format, message, tmp_path):
    with pytest.raises(Mistake) as error:
        write_files(ArraySource("made", {"x": column}), format, tmp_path / "files")
    assert message in str(error.value)
    assert not [*tmp_path.glob("files/part-*")]


def test_examples_that_are_not_as_the_first_thousand(tmp_path):
    rows = [np.zeros((k % 3, 2), np.int64) for k in range(PART)] + [np.zeros((1, 3), np.int64)]
    wrong = ArraySource("made", {"x": as_objects(rows)})
    with pytest.raises(Mistake, match=r"'x' of made is int64 \[any, 2\], but in example 1,024 int"):
        write_files(wrong, TFRecord(), tmp_path / "files")


def test_records_as_they_are(tmp_path):
    records = as_objects([b"", b"\x00\xff", b"abc"])
    source = ArraySource("made", {"record": records})
    for kind in (TFRecord, ArrayRecord):
        written = write_files(source, kind(content="bytes"), tmp_path / kind.title)
        assert written.digest() == source.digest()


def test_folders_that_are_not_its_own(tmp_path):
    source = ArraySource("made", examples(9))
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").write_text("mine")
    with pytest.raises(Mistake, match="full is not empty: give a folder of its own"):
        write_files(source, CSV(), tmp_path / "full")
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["notes.txt"]
    with pytest.raises(Mistake, match="notes.txt is a file: give a folder"):
        write_files(source, CSV(), tmp_path / "full" / "notes.txt")
    with pytest.raises(KeyboardInterrupt):
        broken = Watched("made", examples(9), fail_at=3)
        write_files(broken, CSV(), tmp_path / "begun", shards=3)
    with pytest.raises(Mistake, match="begun holds what was begun of other files"):
        write_files(source, CSV(), tmp_path / "begun", shards=2)
    texts = ArraySource("made", {"x": as_objects([b"a", b"\xff"])})
    for _ in range(2):
        with pytest.raises(Mistake, match="no text in UTF-8"):
            write_files(texts, CSV(), tmp_path / "refused")
    assert len(write_files(texts, TFRecord(), tmp_path / "refused")) == 2
    for wrong in ({"shards": 0}, {"shards": 10}, {"shuffle": -1}, {"shuffle": 2**32}):
        with pytest.raises(ValueError, match="is 0|is 10|-1|4294967296"):
            write_files(source, CSV(), tmp_path / "none", **wrong)


@each_format
def test_a_disk_that_is_full(format, tmp_path, monkeypatch):
    source = ArraySource("made", examples(40))
    writer = WRITERS[type(format)]
    calls: list[Path] = []

    def full(format, parts, path):
        calls.append(path)
        if len(calls) == 3:
            next(parts)
            path.write_bytes(b"half of it")
            raise OSError(28, "No space left on device")
        writer.write(format, parts, path)

    patched = {**WRITERS, type(format): writer._replace(write=full)}
    monkeypatch.setattr("research.data.formats.writers.WRITERS", patched)
    folder = tmp_path / "files"
    with pytest.raises(Stopped) as error:
        write_files(source, format, folder, shards=4)
    assert str(error.value) == (
        f"there is no room to write {folder}: No space left on device. 2 of 4 files are whole and "
        "stay there; make room, and the same command continues."
    )
    assert not [*folder.glob(".writing/.partial-*")]
    assert write_files(source, format, folder, shards=4).digest() == source.digest()
    assert len(calls) == 5


def test_files_are_a_source_that_is_written(tmp_path):
    source = ArraySource("made", examples(30))
    one = write_files(source, CSV(), tmp_path / "csv", shards=3)
    two = write_files(one, Parquet(), tmp_path / "parquet", shards=2)
    three = write_files(two, TFRecord(), tmp_path / "tfrecord", shuffle=1)
    assert one.digest() == two.digest() == source.digest() != three.digest()
    assert isinstance(three, Files) and read_manifest(tmp_path / "tfrecord").source == two.name
