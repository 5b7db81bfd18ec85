"""tfds splits: what they hold, the cache, and what is said when something is wrong."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import re
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest
from sklearn.datasets import load_digits

from research.data import columns as column_functions
from research.data import prepared as prepared_module
from research.data import workers
from research.data.feed import open_feed
from research.data.order import shuffled_rows
from research.data.prepared import find, parse
from research.data.sources.arrays import ArraySource
from research.data.tfds_split import TfdsSplit, class_names
from research.engine.experiment import Data
from research.errors import Damaged, Mistake

ROOT = Path(__file__).parents[2]
DIGITS = load_digits()
IMAGES = DIGITS.images.astype(np.uint8)[..., None]


def digits(split: str, *features: str) -> TfdsSplit:
    return TfdsSplit("encore_digits", split, features)


def content(directory: Path) -> list[Path]:
    return sorted(directory.glob("decoded/encore_digits/1.0.0/train/*/manifest.json"))


def test_digits_are_scikit_learns_in_file_order(prepared_digits):
    train, test = digits("train").load(), digits("test").load()
    assert np.array_equal(np.concatenate([train["image"], test["image"]]), IMAGES)
    assert np.array_equal(np.concatenate([train["label"], test["label"]]), DIGITS.target)
    assert train["image"].dtype == np.uint8 and train["image"].max() == 16
    assert (len(train["label"]), len(test["label"])) == (1437, 360)
    assert digits("train[:10]").name == "encore_digits/1.0.0 train[:10]"


@pytest.mark.parametrize(
    ("split", "rows"),
    [
        ("train[:1280]", np.arange(1280)),
        ("train[1280:]", np.arange(1280, 1437)),
        ("train[-7:]", np.arange(1430, 1437)),
        ("train[:10%]", np.arange(144)),
        ("test[:3]+train[5:8]", np.r_[1437:1440, 5:8]),
        ("train[4:4]", np.arange(0)),
    ],
)
def test_splits_as_tfds_spells_them(prepared_digits, split, rows):
    source = digits(split)
    assert len(source) == len(rows)
    order = np.random.default_rng(0).permutation(len(rows))
    by_tfds = source.read(order)  # Nothing is decoded yet, so this reads the prepared files.
    loaded = source.load()
    assert np.array_equal(loaded["image"], IMAGES[rows])
    assert np.array_equal(loaded["label"], DIGITS.target[rows])
    for columns in (by_tfds, source.read(order)):
        assert columns["image"].dtype == np.uint8 and columns["label"].dtype == np.int64
        assert np.array_equal(columns["image"], IMAGES[rows][order])
        assert np.array_equal(columns["label"], DIGITS.target[rows][order])
    if len(rows):
        with pytest.raises(IndexError):
            source.read(np.array([len(rows)]))


def test_class_names(prepared_digits):
    test = digits("test")
    assert test.class_names("label") == tuple("0123456789")
    assert test.class_names("image") == test.class_names("nothing") == ()
    assert class_names(test, "label", 10) == tuple("0123456789")
    assert class_names(test, "label", 3) == ("0", "1", "2")
    plain = ArraySource("plain", {"label": np.zeros(4, np.int32)})
    assert class_names(plain, "label", 2) == ("0", "1")


def test_digest_is_sha256_of_the_decoded_examples(prepared_digits):
    state = hashlib.sha256()
    for image, label in zip(IMAGES[:1437], DIGITS.target[:1437], strict=True):
        state.update(image.tobytes() + int(label).to_bytes(8, "little"))
    whole = digits("train").digest()
    assert whole.split("-")[0] == state.hexdigest()
    halves = digits("train[:700]+train[700:]")
    assert halves.digest() == whole != digits("train[:1436]").digest()
    labels = hashlib.sha256(DIGITS.target[:1437].astype("<i8").tobytes())
    assert digits("train", "label").digest().split("-")[0] == labels.hexdigest()
    assert digits("train", "label").load().keys() == {"label"}


def test_digest_notices_any_change():
    text = np.array([b"a", b"bc"], object)
    columns = {"text": text, "number": np.array([1, 2])}
    whole = column_functions.digest(columns)
    content = b"".join(n.to_bytes(8, "little") + t for n, t in [(1, b"a"), (2, b"bc")])
    assert whole.split("-")[0] == hashlib.sha256(content).hexdigest()
    assert whole != column_functions.digest(columns | {"number": np.array([1, 3])})
    assert whole != column_functions.digest(columns | {"text": np.array([b"a", b"bd"], object)})


def texts(*parts: bytes) -> dict[str, np.ndarray]:
    column = np.empty(len(parts), object)
    column[:] = parts
    return {"text": column}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (texts(b"ab", b"c"), texts(b"a", b"bc")),
        (texts(b"", b"abc"), texts(b"abc", b"")),
        (texts(b"abc"), {"text": np.frombuffer(b"abc", np.uint8)[None]}),
        ({"a": np.zeros((4, 2), np.uint8)}, {"a": np.zeros((2, 4), np.uint8)}),
        ({"a": np.zeros((2, 4, 3))}, {"a": np.zeros((2, 3, 4))}),
        ({"a": np.zeros(2, np.int32)}, {"a": np.zeros(2, np.float32)}),
        ({"a": np.zeros(2)}, {"b": np.zeros(2)}),
        ({"a": np.zeros(2), "b": np.ones(2)}, {"a": np.stack([np.zeros(2), np.ones(2)], 1)}),
    ],
    ids=["boundary", "empty", "text or bytes", "examples", "shape", "dtype", "name", "columns"],
)
def test_the_same_bytes_in_another_form_have_another_digest(one, other):
    """Their content's half alone, as older ledgers have it, is the same."""
    digests = [column_functions.digest(columns) for columns in (one, other)]
    assert digests[0] != digests[1]
    assert digests[0].split("-")[0] == digests[1].split("-")[0]


def test_a_digest_taken_part_by_part_is_that_of_the_whole():
    columns = texts(b"ab", b"", b"c") | {"number": np.arange(3, dtype=">i4")}
    state = column_functions.Digest()
    for part in (slice(0, 1), slice(1, 1), slice(1, 3)):
        state.update({name: column[part] for name, column in columns.items()})
    little = columns | {"number": np.arange(3, dtype="<i4")}
    assert state.hexdigest() == column_functions.digest(little)
    with pytest.raises(ValueError, match="columns are"):
        state.update(columns | {"number": np.zeros(3)})


def counted(monkeypatch) -> list[int]:
    """How many examples were decoded, call by call."""
    calls: list[int] = []
    read = prepared_module.Prepared.read

    def reading(self, split, index):
        calls.append(len(index))
        return read(self, split, index)

    monkeypatch.setattr(prepared_module.Prepared, "read", reading)
    return calls


def test_a_split_is_decoded_once_for_all_its_slices(prepared_digits, monkeypatch):
    calls = counted(monkeypatch)
    digits("train[:1000]").load()
    assert sum(calls) == 1437
    for split in ("train", "train[1000:]", "train[:1]+train[9:]"):
        digits(split).load()
    assert sum(calls) == 1437


@pytest.mark.parametrize("hurt", ["flip", "truncate", "remove", "manifest", "index"])
def test_a_damaged_cache_is_noticed_and_made_again(prepared_digits, monkeypatch, hurt):
    expected = digits("train").digest()
    (manifest,) = content(prepared_digits[1])
    image = manifest.parent / "image.npy"
    if hurt == "flip":
        data = bytearray(image.read_bytes())
        data[-100] ^= 1
        image.write_bytes(data)
    elif hurt == "truncate":
        os.truncate(image, 1000)
    elif hurt == "remove":
        image.unlink()
    elif hurt == "manifest":
        manifest.write_text("{")
    else:
        (index,) = manifest.parent.parent.glob("*.json")
        index.write_text(json.dumps({"digest": "0" * 64}))
    calls = counted(monkeypatch)
    assert digits("train").digest() == expected and sum(calls) == 1437
    assert np.array_equal(digits("train").load()["image"], IMAGES[:1437])
    assert sum(calls) == 1437 and len(content(prepared_digits[1])) == 1


def test_prepared_files_that_changed_are_decoded_again(prepared_digits, monkeypatch):
    expected = digits("train").digest()
    calls = counted(monkeypatch)
    (file,) = prepared_digits[0].glob("encore_digits/1.0.0/*train*")
    os.utime(file, ns=(1, 1))
    assert digits("train").digest() == expected and sum(calls) == 1437
    assert len(content(prepared_digits[1])) == 1  # The same content is kept once.


def test_a_cache_that_cannot_be_written_is_done_without(prepared_digits, tmp_path, monkeypatch):
    expected = digits("train").digest()
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("ENCORE_CACHE_DIR", str(tmp_path / "file" / "cache"))
    source = digits("train[:700]+train[700:]")
    assert source.digest() == expected
    assert digits("train[4:4]").load()["image"].shape == (0, 8, 8, 1)
    assert np.array_equal(source.load()["image"], IMAGES[:1437])


@pytest.mark.parametrize("hurt", ["truncate", "flip", "remove", "empty"])
def test_damaged_prepared_files_are_named(prepared_digits, hurt):
    (file,) = prepared_digits[0].glob("encore_digits/1.0.0/*train*")
    data = bytearray(file.read_bytes())
    if hurt == "remove":
        file.unlink()
    else:
        data[len(data) // 2] ^= 0xFF
        sizes = {"truncate": len(data) // 2, "flip": len(data), "empty": 0}
        file.write_bytes(data[: sizes[hurt]])
    for act in (TfdsSplit.load, TfdsSplit.digest, lambda each: each.read(np.arange(1437))):
        with pytest.raises(
            Damaged, match=r"encore_digits-train\.array_record-00000-of-00001"
        ) as told:
            act(digits("train"))
        assert "python launch.py prepare encore_digits:1.0.0" in str(told.value)
    assert len(digits("test").load()["label"]) == 360


@pytest.mark.parametrize("name", ["dataset_info.json", "features.json"])
def test_damaged_descriptions_are_named(prepared_digits, name):
    (prepared_digits[0] / "encore_digits/1.0.0" / name).write_text("{")
    with pytest.raises(Damaged, match=r"dataset_info\.json or features\.json"):
        digits("train").load()


def test_making_a_source_reads_nothing(folders):
    assert TfdsSplit("no_such_set", "train").split == "train"
    assert not folders[1].exists()


@pytest.fixture
def no_network(monkeypatch):
    import socket

    def refuse(*arguments, **options):
        raise AssertionError("the network was tried")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def test_missing_data_is_told_without_network(prepared_digits, no_network):
    with pytest.raises(Mistake) as told:
        TfdsSplit("fashion_mnist", "train").load()
    message = str(told.value)
    assert f"TFDS_DATA_DIR: {prepared_digits[0]}" in message
    assert "encore_digits/1.0.0" in message
    assert "python launch.py prepare fashion_mnist" in message
    with pytest.raises(Mistake, match="Did you mean encore_digits"):
        TfdsSplit("encor_digits", "train").load()
    with pytest.raises(Mistake, match=r"prepare encore_digits:9\.9\.9"):
        TfdsSplit("encore_digits:9.9.9", "train").load()


def test_the_network_guard_would_notice(no_network):
    import urllib.request

    with pytest.raises(AssertionError, match="the network was tried"):
        urllib.request.build_opener(urllib.request.ProxyHandler({})).open("http://127.0.0.1:9/")


def test_a_folder_that_is_not_there_is_said(folders, no_network):
    with pytest.raises(Mistake, match="no folder"):
        TfdsSplit("mnist", "train").load()


def test_split_and_column_mistakes_say_what_there_is(prepared_digits):
    for split in ("valid", "train[:2000]", "train[5:", "train[:x]"):
        with pytest.raises(Mistake, match=r"train \(1437\), test \(360\)"):
            len(digits(split))
    with pytest.raises(Mistake, match="has no column pixels; it has image, label"):
        digits("train", "pixels").load()
    with pytest.raises(Mistake, match="not the name"):
        len(TfdsSplit("../secret", "train"))


def test_names_versions_and_configs(folders):
    for place in ("one/1.2.0", "one/1.10.0", "two/plain/1.0.0", "two/rich/1.0.0"):
        (folders[0] / place).mkdir(parents=True)
        (folders[0] / place / "dataset_info.json").touch()
    (folders[0] / "one/incomplete.AB_2.0.0").mkdir()
    (folders[0] / "one/incomplete.AB_2.0.0/dataset_info.json").touch()
    assert find("one") == folders[0] / "one/1.10.0"
    assert find("one:1.2.0") == folders[0] / "one/1.2.0"
    assert find("two/rich") == find("two/rich:1.0.0") == folders[0] / "two/rich/1.0.0"
    assert find("one:3.0.0") is find("three") is None
    with pytest.raises(Mistake, match="two/plain, two/rich"):
        find("two")
    assert parse("a/b:1.0.0") == ("a", "b", "1.0.0")


def test_resident_and_streamed_digits_are_the_same(prepared_digits):
    splits = {"train": digits("train[:1280]"), "test": digits("test")}
    content = Data(splits, shuffled_rows(1280, 32), evaluation_batch_size=200)
    batches = {}
    for placement in ("resident", "streamed"):
        with open_feed(content, placement, window_steps=8) as feed:
            batches[placement] = [
                jax.device_get(feed.batch(window.arrays, np.uint32(0), np.int32(step)))
                for window in feed.windows(0, 30, 60)
                for step in range(window.start, window.stop)
            ] + [jax.device_get(batch) for batch in feed.evaluation("test")]
    assert len(batches["resident"]) == 32
    for one, other in zip(batches["resident"], batches["streamed"], strict=True):
        assert one.keys() == other.keys() == {"image", "label", "weight"}
        for name in one:
            assert one[name].dtype == other[name].dtype
            assert np.array_equal(one[name], other[name])
    assert sum(batch["weight"].sum() for batch in batches["resident"][30:]) == 360


FIRST_USE = """
import sys, time
from research.data.tfds_split import TfdsSplit
print(TfdsSplit("encore_digits", "train").digest(), len(TfdsSplit("encore_digits", "test")))
assert "tensorflow" not in sys.modules, "TensorFlow was imported"
"""


def test_two_processes_prepare_the_digits_at_once_without_tensorflow(folders):
    arguments = [sys.executable, "-W", "error::UserWarning", "-c", FIRST_USE]
    processes = [
        subprocess.Popen(
            arguments, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    told = [process.communicate(timeout=120) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], told
    assert told[0] == told[1]
    expected = hashlib.sha256(
        b"".join(
            image.tobytes() + int(label).to_bytes(8, "little")
            for image, label in zip(IMAGES[:1437], DIGITS.target[:1437], strict=True)
        )
    ).hexdigest()
    assert re.fullmatch(f"{expected}-[0-9a-f]{{64}} 360\n", told[0][0]) and not told[0][1]
    assert not folders[0].exists()  # First use writes nothing where a person keeps data.
    left = [path.name for path in folders[1].rglob(".partial-*")]
    assert left == [] and len(content(folders[1])) == 1


def test_a_cache_folder_that_cannot_be_made_is_told(folders, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("ENCORE_CACHE_DIR", str(tmp_path / "file"))
    with pytest.raises(Mistake, match="ENCORE_CACHE_DIR"):
        digits("train").load()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("dataset", "split", "expected"),
    [
        ("fashion_mnist", "test", "1d6f96af37f1df71"),
        ("mnist", "test", "c7ce8f95e1de2237"),
        ("california_housing", "train", "1783995932603130"),
        ("cta_ridership", "train", "cf8f8849f255ecca"),
        ("tiny_shakespeare", "train", "a9e24e23a1ec7774"),
        ("spa_eng", "train", "e0c2df56f5246d4a"),
        ("bccd", "test", "cf5d4ee279eb566a"),
        ("jsb_chorales", "train", "2792eb6db2d26bd7"),
    ],
)
def test_real_data_sets_have_their_known_digests(dataset, split, expected, tmp_path, monkeypatch):
    if find(dataset) is None:
        pytest.skip(f"{dataset} is not prepared in TFDS_DATA_DIR")
    monkeypatch.setenv("ENCORE_CACHE_DIR", str(tmp_path))
    assert TfdsSplit(dataset, split).digest()[:16] == expected
    assert TfdsSplit(dataset, split).digest()[:16] == expected  # From the cache now.


def test_a_worker_process_is_sent_the_cache_by_the_names_of_its_files(prepared_digits):
    split = TfdsSplit("encore_digits", "train[10:1000]")
    index = np.array([3, 0, 700])
    unopened = workers._pickle(split)
    expected = split.read(index)
    split.digest()  # opens the cache
    for sent, cached in ((unopened, False), (workers._pickle(split), True)):
        came = pickle.loads(sent)
        assert len(sent) < 2000 and ("_decoded" in vars(came)) == cached
        assert "_prepared" in vars(split) and "_prepared" not in vars(came)
        for name, column in came.read(index).items():
            assert np.array_equal(column, expected[name])
