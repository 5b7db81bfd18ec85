"""`data`: what is in files of any format, and the same in another."""

from __future__ import annotations

import gzip
import json
import subprocess
import tarfile
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from research.cli.main import main
from research.data.columns import digest
from research.data.tfds_split import TfdsSplit
from research.engine import interrupts
from research.errors import Exit
from tests.cli.processes import call as call_alone
from tests.cli.processes import command, last_json, surroundings, wait_until
from tests.data.sources.written import WAYS, examples, fitting, write_csv


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
