"""`data`: what is in files of any format, and a message for each way in which they are broken."""

from __future__ import annotations

import gzip
import json
import shutil
import struct
import subprocess
import tarfile
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from research.cli.main import main
from research.data.columns import digest
from research.data.sources.index import FORMAT as INDEX_FORMAT
from research.data.sources.tfrecord import masked_crc
from research.data.tfds_split import TfdsSplit
from research.engine import interrupts
from research.errors import Exit
from tests.cli.processes import call as call_alone
from tests.cli.processes import command, last_json, surroundings, wait_until
from tests.data.sources.written import WAYS, examples, fitting, write_csv, write_tfrecord


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory, with a cache and no prepared data of its own."""
    monkeypatch.setenv("ENCORE_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


def call(capsys, *tokens: str) -> tuple[int, str, str]:
    """(exit code, standard output, standard error) of `data` with these words."""
    capsys.readouterr()
    code = main(["data", *tokens])
    out, err = capsys.readouterr()
    assert "Traceback" not in out + err
    return code, out, err


def report(capsys, *tokens: str) -> dict:
    code, out, err = call(capsys, *tokens, "--json")
    assert code == 0, err
    return json.loads(out)


NAMES = {
    "tfrecord": "a.tfrecord",
    "csv": "a.csv",
    "parquet": "a.parquet",
    "array_record": "set-train.array_record-00000-of-00001",
    "npy": "a.npy",
    "lines": "a.txt",
    "tar": "a.tar",
    "idx": "train-labels-idx1-ubyte",
}


@pytest.mark.parametrize("named", [True, False], ids=["by name", "by content"])
def test_each_format_is_found(named, here, capsys):
    for kind, name in NAMES.items():
        way = WAYS[kind]
        columns = fitting(examples(20), way)
        way.write(columns, here / (name if named else kind))
        found = report(capsys, name if named else kind)
        assert found["format"] == way.format.title and found["examples"] == 20
        if kind not in ("tar", "idx", "csv"):  # read with other forms, or under another name
            assert found["digest"] == digest(columns)
        assert [each["records"] for each in found["files"]] == [20]
    with gzip.open("packed", "wb") as file:
        file.write((here / (NAMES["tfrecord"] if named else "tfrecord")).read_bytes())
    assert report(capsys, "packed")["format"] == "TFRecord"


def test_columns_are_described(here, capsys):
    Path("a.csv").write_text("n,size,kind\n1,0.5,cat\n2,,dog\n3,-1.5,cat\n3,2,\n")
    code, out, _ = call(capsys, "a.csv")
    lines = out.splitlines()
    assert code == 0 and lines[0] == "a.csv (CSV)"
    assert lines[1] == "CSV, 4 examples in 1 file, 45 B"
    assert [line.split("  ")[0] for line in lines[6:10]] == ["column", "n", "size", "kind"]
    assert " ".join(lines[7].split()) == "n int64 1 to 3, 3 different 1 | 2 | 3"
    rest = "size float64 1 -1.5 to 2, 3 different 0.5 | nan | -1.5"
    assert " ".join(lines[8].split()) == rest
    found = report(capsys, "a.csv")["columns"]
    assert found["kind"]["counts"] == {"cat": 2, "dog": 1, "": 1} and found["kind"]["missing"] == 1
    assert found["size"] | {"counts": 0} == {
        "dtype": "<f8", "shape": [], "low": -1.5, "high": 2, "missing": 1, "shortest": [],
        "longest": [], "counts": 0, "first": ["0.5", "nan", "-1.5"],
    }  # fmt: skip
    few = report(capsys, "a.csv", "--columns", "n")
    assert [*few["columns"]] == ["n"] and few["digest"] == digest({"n": np.array([1, 2, 3, 3])})


def test_csv_as_people_write_it(here, capsys):
    Path("tabs.tsv").write_text("a\tb\n1\t2\n")
    Path("wide.csv").write_bytes("a;b\n1,5;é\n".encode("utf-16"))
    Path("bare.csv").write_text("1|x\n2|y\n")
    assert [*report(capsys, "tabs.tsv")["columns"]] == ["a", "b"]
    assert report(capsys, "wide.csv")["columns"]["b"]["first"] == ["'é'"]
    found = report(capsys, "bare.csv", "--names", "n,s", "--delimiter", "|")
    assert [*found["columns"]] == ["n", "s"] and found["examples"] == 2
    Path("latin.csv").write_bytes("a\né\n".encode("latin-1"))
    assert report(capsys, "latin.csv", "--encoding", "latin-1")["columns"]["a"]["first"] == ["'é'"]


def test_a_url(here, capsys):
    import fsspec

    for n in range(2):
        content = f"a,b\n{n},1\n".encode()
        fsspec.filesystem("memory").pipe_file(f"/data/{n}.csv", content)
    found = report(capsys, "memory://data/*.csv")
    assert found["examples"] == 2 and found["columns"]["a"]["high"] == 1


def test_binary_records_by_a_description(here, capsys):
    rows = np.random.default_rng(0).integers(0, 256, (6, 13), np.uint8)
    rows.tofile("a.bin")
    found = report(capsys, "a.bin", "--fields", "label:u1,image:u1:3x2x2:120")["columns"]
    assert found["image"]["shape"] == [2, 2, 3] and found["label"]["low"] == rows[:, 0].min()
    for field, message in (
        ("label", "'label' is no field; they look like label:u1"),
        ("label:u9", "there is no type 'u9'"),
    ):
        assert message in call(capsys, "a.bin", "--fields", field)[2]


def test_a_folder_of_pictures_and_a_tar_of_them(here, capsys):
    for n, kind in enumerate(("rose", "daisy", "rose")):
        Path("photos", kind).mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((4 + n, 5, 3), n, np.uint8)).save(f"photos/{kind}/{n}.png")
    found = report(capsys, "photos")
    assert found["format"] == "pictures" and found["columns"]["label"]["counts"] == {"1": 2, "0": 1}
    assert found["columns"]["image"]["longest"] == [6, 5, 3]
    assert found["columns"]["image"]["first"][0] == "picture of 5 x 5 x 3"
    with tarfile.open("a.tar", "w") as tar:
        for path in sorted(Path("photos").rglob("*.png")):
            tar.add(path, arcname=path.name)
    assert report(capsys, "a.tar")["columns"]["png"]["first"][0] == "PNG of 5 x 5 pixels"


def test_a_prepared_set_its_splits_and_labels_outside_its_classes(here, capsys, monkeypatch):
    found = report(capsys, "encore_digits", "--split", "test")
    assert found["format"] == "prepared by tfds" and found["splits"]["test"] == found["examples"]
    assert found["columns"]["label"]["high"] == 9 and not found["warnings"]
    written = report(capsys, "encore_digits", "--split", "test", "--to", "parquet", "digits")
    assert written["digest"] == found["digest"]
    names = tuple("abcdefghi")
    monkeypatch.setattr(TfdsSplit, "class_names", lambda self, name: names * (name == "label"))
    (warning,) = report(capsys, "encore_digits")["warnings"]
    assert warning == "column 'label' holds 9, which is outside its 9 classes, 0 to 8"


@pytest.mark.parametrize("kind", ["tfrecord", "array_record", "parquet", "csv", "binary"])
def test_one_digest_whatever_it_is_written_in(kind, here, capsys):
    columns = {name: examples(30)[name] for name in ("count", "ratio")}
    np.save("a.npy", np.rec.fromarrays([*columns.values()], names=[*columns]))
    before = report(capsys, "a.npy")["digest"]
    written = report(capsys, "a.npy", "--to", kind, "made", "--shards", "3")
    assert written["digest"] == before == digest(columns)
    again = report(capsys, "made")
    assert again["digest"] == before and len(again["files"]) == 3
    assert "written from a.npy (npy); all checksums are right" in call(capsys, "made")[1]
    assert call(capsys, "a.npy", "--to", kind, "made", "--shards", "3")[1].endswith("source\n")


def test_a_shuffle_is_one_order_in_all_formats(here, capsys):
    write_csv(examples(30), Path("a.csv"))
    digests = {
        report(capsys, "a.csv", "--to", kind, kind, "--shuffle", "5", "--shards", shards)["digest"]
        for kind, shards in (("tfrecord", "1"), ("parquet", "3"))
    }
    assert len(digests) == 1 and digests != {report(capsys, "a.csv")["digest"]}
    assert "written from a.csv (CSV), in the order of seed 5;" in call(capsys, "parquet")[1]


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
        sync, calls = "research.data.sources.writing.sync_file", []

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

    monkeypatch.setattr("research.data.sources.index.publish", full)
    monkeypatch.setattr("research.data.sources.plain.publish", full)
    monkeypatch.setattr("research.data.cache.publish", full)
    assert report(capsys, "a.csv") == whole
    write_csv(examples(9), Path("a.csv.gz"))
    code, _, err = call(capsys, "a.csv.gz")
    assert (
        code == Exit.MISTAKE and "No space left on device. Set ENCORE_CACHE_DIR to a folder" in err
    )


@pytest.mark.slow
def test_killed_at_any_moment_the_same_command_continues(here):
    write_csv(examples(20_000), Path("a.csv"))
    words = ("data", "a.csv", "--to", "tfrecord", "made", "--shards", "40", "--shuffle", "9")
    whole: dict[str, int] = {}
    for kill in range(5):
        made = subprocess.Popen(command(None, *words), env=surroundings())
        goal = len(whole) + 2 + kill
        wait_until(lambda: made.poll() is not None or len([*here.glob("made/part*")]) >= goal)  # noqa: B023
        time.sleep(0.01 * kill)
        made.kill()
        made.wait()
        now = {path.name: path.stat().st_ino for path in here.glob("made/part*")}
        assert whole.items() <= now.items()  # no file that was whole is another now
        whole = now
    processes = [subprocess.Popen(command(None, *words), env=surroundings()) for _ in range(2)]
    assert [each.wait() for each in processes] == [0, 0]
    now = {path.name: path.stat().st_ino for path in here.glob("made/part*")}
    assert whole.items() <= now.items() and len([*here.joinpath("made").iterdir()]) == 41
    at_once = call_alone(*words[:4], "once", *words[5:], "--json")
    assert (
        last_json(at_once.stdout)["digest"]
        == json.loads(Path("made/manifest.json").read_text())["digest"]
    )


@pytest.mark.slow
def test_asked_to_end_it_says_that_the_same_command_continues(here):
    write_csv(examples(20_000), Path("a.csv"))
    words = ("data", "a.csv", "--to", "parquet", "made", "--shards", "50")
    made = subprocess.Popen(
        command(None, *words), env=surroundings(), stderr=subprocess.PIPE, text=True
    )
    wait_until(lambda: len([*here.glob("made/part*")]) > 2)
    made.terminate()
    _, err = made.communicate(timeout=60)
    assert made.returncode == Exit.STOPPED and err == f"{interrupts.LATER}\n"
    assert call_alone(*words).returncode == 0
