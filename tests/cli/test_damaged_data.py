"""Each way in which files can be broken or misnamed: one message of `data`, and no traceback."""

from __future__ import annotations

import json
import shutil
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from research.cli.main import main
from research.data.columns import digest
from research.data.file_sets.index import FORMAT as INDEX_FORMAT
from research.data.formats.tfrecord import masked_crc
from research.errors import Exit
from tests.cli.test_data_command import call, report
from tests.data.sources.written import examples, write_csv, write_tfrecord


def flip(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


def shards(suffix: str, write) -> None:
    Path("set").mkdir()
    for n in range(3):
        columns = {name: each[5 * n : 5 * n + 5] for name, each in examples(15).items()}
        write(columns, Path(f"set/{n}{suffix}"))


def wrong_checksum() -> None:
    write_tfrecord(examples(5), Path("a.tfrecord"))
    flip(Path("a.tfrecord"), 30)


def cut_off() -> None:
    write_tfrecord(examples(5), Path("a.tfrecord"))
    Path("a.tfrecord").write_bytes(Path("a.tfrecord").read_bytes()[:-3])


def longer_than_its_file() -> None:
    write_tfrecord(examples(5), Path("a.tfrecord"))
    length = struct.pack("<Q", 10**12)
    with Path("a.tfrecord").open("ab") as file:
        file.write(length + struct.pack("<I", masked_crc(length)) + b"abc")


def a_number_that_is_none() -> None:
    Path("1.csv").write_text("a,b\n1,2\n3,4\n")
    Path("2.csv").write_text("a,b\n1,2\n3,four\n")


def an_empty_shard() -> None:
    shards(".tfrecord", write_tfrecord)
    Path("set/1.tfrecord").write_bytes(b"")


def other_columns() -> None:
    shards(".csv", write_csv)
    Path("set/1.csv").write_text("count,ratio,name\n1,2,x\n")


def a_broken_picture() -> None:
    for kind in ("daisy", "rose"):
        Path("photos", kind).mkdir(parents=True)
        noise = np.random.default_rng(0).integers(0, 256, (50, 40, 3), np.uint8)
        Image.fromarray(noise).save(f"photos/{kind}/1.png")
    path = Path("photos/rose/1.png")
    path.write_bytes(path.read_bytes()[:2000])


def damaged_gzip() -> None:
    write_csv(examples(900), Path("a.csv.gz"))
    flip(Path("a.csv.gz"), 5000)


def cut_gzip() -> None:
    write_tfrecord(examples(900), Path("a.gz"))
    Path("a.gz").write_bytes(Path("a.gz").read_bytes()[:5000])


def a_changed_shard() -> None:
    write_csv(examples(9), Path("a.csv"))
    assert main(["data", "a.csv", "--to", "csv", "made", "--shards", "3"]) == 0
    flip(Path("made/part-00001-of-00003.csv"), -2)


def half_written() -> None:
    Path("made/.writing").mkdir(parents=True)


SKIP = "Get the file anew or correct it, or leave out what is broken: --damaged skip"
CASES = {
    "a wrong CRC": (
        wrong_checksum, "a.tfrecord", Exit.DAMAGED,
        ["/a.tfrecord: record at byte 0: its checksum does not fit its content", SKIP],
    ),
    "a truncated last record": (
        cut_off, "a.tfrecord", Exit.DAMAGED,
        ["/a.tfrecord: record at byte 3", "bytes long, and the file ends after", SKIP],
    ),
    "a record longer than its file": (
        longer_than_its_file, "a.tfrecord", Exit.DAMAGED,
        ["it is 1,000,000,000,000 bytes long, and the file ends after 3", SKIP],
    ),
    "no TFRecord at all": (
        lambda: Path("a.tfrecord").write_text("hello, what is this? it is a text"), "a.tfrecord",
        Exit.DAMAGED, ["record at byte 0: the checksum of its length does not fit: this is no"],
    ),
    "a row with a field too many": (
        lambda: Path("a.csv").write_text("a,b\n1,2\n3,4,5\n"), "a.csv", Exit.DAMAGED,
        ["/a.csv: line 3: Expected 2 columns, got 3: 3,4,5.", SKIP],
    ),
    "a number that is none": (
        a_number_that_is_none, "*.csv", Exit.DAMAGED, ["/2.csv: line 3: column 'b'", "'four'", SKIP]
    ),
    "a quote that is not closed": (
        lambda: Path("a.csv").write_text('a,b\n1,"2\n3,4\n'), "a.csv", Exit.DAMAGED,
        ["/a.csv: line 2: a quote is opened in this row, and never closed"],
    ),
    "another encoding": (
        lambda: Path("a.csv").write_bytes("a,b\n1,2\n3,é\n".encode("latin-1")), "a.csv",
        Exit.DAMAGED, ["/a.csv: line 3: column 'b'", "the encoding of the file (--encoding la"],
    ),
    "an encoding that is none": (
        lambda: Path("a.csv").write_text("a\n"), "a.csv --encoding latin-7", Exit.MISTAKE,
        ["there is no encoding 'latin-7'; say utf-8, latin-1, cp1252"],
    ),
    "an empty file": (
        lambda: Path("a.csv").write_bytes(b""), "a.csv", Exit.DAMAGED,
        ["/a.csv: byte 0: the file is empty"],
    ),
    "an empty shard": (
        an_empty_shard, "set", Exit.DAMAGED, ["/set/1.tfrecord: byte 0: the file is empty", SKIP]
    ),
    "shards whose columns differ": (
        other_columns, "set", Exit.DAMAGED,
        ["/set/1.csv: the file as a whole: it has no column text; it has count, ratio, name", SKIP],
    ),
    "a folder without files": (
        lambda: Path("set").mkdir(), "set", Exit.MISTAKE, ["set holds no files; name some files"]
    ),
    "a folder of several kinds": (
        lambda: (shards(".csv", write_csv), Path("set/a.txt").write_text("x")), "set", Exit.MISTAKE,
        ["set holds files of several kinds (3 csv, 1 lines): name those to be read", "'set/*.csv'"],
    ),
    "a folder among files": (
        lambda: (shards(".csv", write_csv), Path("a").mkdir()), "set/0.csv a", Exit.MISTAKE,
        ["/a is a folder; name its files, for example by '", "/a/*'"],
    ),
    "a broken picture": (
        a_broken_picture, "photos", Exit.DAMAGED,
        ["/photos/rose/1.png: the picture: it cannot be read as a picture (", SKIP],
    ),
    "a file twice": (
        lambda: (write_csv(examples(9), Path("a.csv")), Path("b.csv").symlink_to("a.csv")),
        "a.csv b.csv", Exit.MISTAKE, ["/b.csv is named twice (also as ", "/a.csv)"],
    ),
    "a pattern without a match": (
        lambda: None, "x-*.csv", Exit.MISTAKE, ["no file matches x-*.csv (looked in "]
    ),
    "a name with a slip": (
        lambda: write_csv(examples(9), Path("houses.csv")), "hoses.csv", Exit.MISTAKE,
        ["there is no file hoses.csv", "; did you mean houses.csv?"],
    ),
    "a name of tfds with a slip": (
        lambda: None, "encore_digts", Exit.MISTAKE, ["; did you mean encore_digits?"]
    ),
    "a set that is not prepared": (
        lambda: None, "mnist", Exit.MISTAKE, ["python launch.py prepare mnist"]
    ),
    "a damaged gzip": (
        damaged_gzip, "a.csv.gz --damaged skip", Exit.DAMAGED,
        ["/a.csv.gz cannot be decompressed", "cannot be skipped in part"],
    ),
    "a gzip that is cut off": (
        cut_gzip, "a.gz --damaged skip", Exit.DAMAGED,
        ["/a.gz cannot be decompressed", "within its first 5,000 bytes of 5,000"],
    ),
    "bytes of no format": (
        lambda: Path("a").write_bytes(bytes(range(256))), "a", Exit.MISTAKE,
        ["/a holds bytes of no known format", "--fields label:u1,image:u1:28x28"],
    ),
    "a file that was written and changed": (
        a_changed_shard, "made", Exit.DAMAGED,
        ["made/part-00001-of-00003.csv is not as it was written: its SHA-256"],
    ),
    "a folder that is being written": (
        half_written, "made", Exit.MISTAKE, ["made is not whole: files are being written there"]
    ),
    "a column that there is not": (
        lambda: write_csv(examples(9), Path("a.csv")), "a.csv --columns cont", Exit.MISTAKE,
        ["/a.csv has no column cont; did you mean count?"],
    ),
    "a column that the format cannot hold": (
        lambda: np.save("a.npy", np.zeros((3, 4, 4))), "a.npy --to csv made", Exit.MISTAKE,
        ["column 'x' of a.npy (npy) holds arrays (float64 [4, 4]), which CSV cannot hold; TFRec"],
    ),
    "a text for binary records": (
        lambda: write_csv(examples(9), Path("a.csv")), "a.csv --to binary made", Exit.MISTAKE,
        ["column 'text' of a.csv (CSV) holds texts, which binary cannot hold"],
    ),
    "no folder to write into": (
        lambda: write_csv(examples(9), Path("a.csv")), "a.csv --to csv", Exit.MISTAKE,
        ["--to csv needs a folder behind what is read: DIR is missing"],
    ),
    "more shards than examples": (
        lambda: write_csv(examples(9), Path("a.csv")), "a.csv --to csv made --shards 10",
        Exit.MISTAKE, ["--shards 10: a.csv (CSV) has 9 examples"],
    ),
    "a delimiter of lines": (
        lambda: Path("a.txt").write_text("x\n"), "a.txt --delimiter ;", Exit.MISTAKE,
        ["--delimiter is of no use here: ", "/a.txt is read as lines"],
    ),
    "a format of a prepared set": (
        lambda: None, "encore_digits --format csv", Exit.MISTAKE,
        ["--format is of no use here: encore_digits is a prepared data set"],
    ),
    "a split of files": (
        lambda: write_csv(examples(9), Path("a.csv")), "a.csv --split test", Exit.MISTAKE,
        ["--split is for prepared data sets"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_what_is_wrong_is_one_message(name, here, capsys):
    make, words, exit_code, parts = CASES[name]
    make()
    code, out, err = call(capsys, *words.split())
    assert (code, out) == (exit_code, "") and err.startswith("error: ")
    for part in parts:
        assert part in err


def test_a_byte_order_mark_is_no_part_of_a_name(here, capsys):
    Path("a.csv").write_bytes(b"\xef\xbb\xbfa,b\n1,2\n")
    assert [*report(capsys, "a.csv")["columns"]] == ["a", "b"]


def test_what_is_broken_is_left_out_and_listed(here, capsys):
    wrong_checksum()
    found = report(capsys, "a.tfrecord", "--damaged", "skip")
    (broken,) = found["broken"]
    assert found["examples"] == 4 and found["left_out"] == 1 and broken["where"].endswith("byte 0")
    rest = {name: column[1:] for name, column in examples(5).items()}
    assert found["digest"] != digest(rest)  # what is left out is part of it
    _, out, _ = call(capsys, "a.tfrecord", "--damaged", "skip")
    assert "1 broken place left out, which is part of the digest" in out
    assert "/a.tfrecord: record at byte 0: its checksum does not fit its content" in out


def test_a_few_fields_that_make_a_column_text(here, capsys):
    Path("a.csv").write_text("a\n" + "1\n" * 20 + "1o\n" + "2\n" * 20)
    (warning,) = report(capsys, "a.csv")["warnings"]
    assert warning.startswith("column 'a' is read as text, as 1 of 41 fields are no numbers; the")
    assert warning.endswith("/a.csv: line 22)")
    Path("b.csv").write_text("a\nred\n7\nblue\n")
    assert report(capsys, "b.csv")["warnings"] == []


def test_a_file_that_may_not_be_read(here, capsys, monkeypatch):
    write_csv(examples(9), Path("a.csv"))
    opened = Path.open

    def refused(self, *rest, **more):  # As root, every file may be read.
        if self.name == "a.csv":
            raise PermissionError(13, "Permission denied", str(self))
        return opened(self, *rest, **more)

    monkeypatch.setattr(Path, "open", refused)
    code, _, err = call(capsys, "a.csv")
    assert code == Exit.MISTAKE and err.endswith("/a.csv cannot be read: Permission denied\n")


def test_a_disk_that_fills(here, capsys, monkeypatch):
    write_csv(examples(40), Path("a.csv"))
    before = report(capsys, "a.csv")["digest"]
    with monkeypatch.context() as patch:
        sync, calls = "research.data.file_sets.writing.sync_file", []

        def full(path):
            calls.append(path)
            if len(calls) == 3:
                raise OSError(28, "No space left on device", str(path))

        patch.setattr(sync, full)
        code, _, err = call(capsys, "a.csv", "--to", "csv", "made", "--shards", "4")
    assert code == Exit.STOPPED
    assert err.startswith(f"stopped: there is no room to write {here}/made: No space left on ")
    assert err.endswith("2 of 4 files are whole and stay there; make room, and the same command "
                        "continues.\n")  # fmt: skip
    assert report(capsys, "a.csv", "--to", "csv", "made", "--shards", "4")["digest"] == before


def test_a_cache_that_has_no_room_or_is_of_another_version(here, capsys, monkeypatch, tmp_path):
    write_csv(examples(9), Path("a.csv"))
    whole = report(capsys, "a.csv")
    for manifest in (tmp_path / "cache").glob("files/*/manifest.json"):
        manifest.write_text(json.dumps({"format": INDEX_FORMAT + 1}))
    assert report(capsys, "a.csv") == whole
    shutil.rmtree(tmp_path / "cache")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("research.data.file_sets.index.publish", full)
    monkeypatch.setattr("research.data.file_sets.plain.publish", full)
    monkeypatch.setattr("research.data.cache.publish", full)
    assert report(capsys, "a.csv") == whole
    write_csv(examples(9), Path("a.csv.gz"))
    code, _, err = call(capsys, "a.csv.gz")
    assert (
        code == Exit.MISTAKE and "No space left on device. Set ENCORE_CACHE_DIR to a folder" in err
    )
