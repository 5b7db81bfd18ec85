"""Sources that are read from files, which are written of them: labels, and what is skipped."""

from __future__ import annotations

import pickle
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from research.data.columns import Form
from research.data.file_sets.files import Files
from research.data.file_sets.skipped import with_skipped
from research.data.file_sets.written import Written
from research.data.formats.csv_files import CSV
from research.data.formats.fixed import CIFAR10
from research.data.formats.labelled import Labelled
from research.data.image_files import Way, as_csv, as_records, as_tfrecord, in_files
from research.data.images import Images, cifar10
from research.data.order import shuffled_rows
from research.data.prepared import find
from research.data.sources.arrays import ArraySource
from research.data.sources.mapped import Mapped
from research.engine.experiment import Data, Experiment
from research.errors import Damaged

INT64 = Form(np.dtype(np.int64), ())
ROWS = CSV({"x": INT64, "label": INT64})


def numbers(count: int = 30, wrong: int = 0) -> ArraySource:
    """Rows of three classes, but for the last so many."""
    label = np.arange(count) % 3
    label[count - wrong :] = 7
    return ArraySource("numbers", {"x": np.arange(count) ** 2, "label": label})


class Closed(ArraySource):
    """A source of which only the digest is asked."""

    def read(self, index):
        raise AssertionError("it was read")


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    """Each test has a cache of its own."""
    monkeypatch.setenv("ENCORE_CACHE_DIR", str(tmp_path / "cache"))


def test_files_are_written_at_the_first_read_and_then_read_instead_of_the_source():
    written = Written(numbers(), ROWS, "numbers", shards=4)
    assert len(written) == 30 and written.name == "numbers, from 4 files (CSV)"
    assert not written.directory.exists()
    assert written.digest() == numbers().digest()
    assert len([*written.directory.glob("part-*.csv")]) == 4
    again = Written(Closed("numbers", numbers().columns), ROWS, "numbers", shards=4)
    order = np.random.default_rng(0).permutation(30)
    for source in (again, pickle.loads(pickle.dumps(written))):
        for name, column in source.read(order).items():
            assert np.array_equal(column, numbers().columns[name][order])
    # The control: files that are not there are made of the source.
    with pytest.raises(AssertionError, match="it was read"):
        Written(Closed("numbers", numbers().columns), ROWS, "other").digest()


def test_a_label_outside_its_classes_is_found_with_its_file_and_line():
    plain = Written(numbers(wrong=2), ROWS, "plain", shards=2)
    assert len(plain.load()["label"]) == 30  # The control: without classes it is a number.
    stopped = Written(numbers(wrong=2), ROWS, "stopped", 2, classes=("label", 3))
    with pytest.raises(Damaged, match="part-00001.*\n?.*line 15: its label is 7, and there are 3"):
        stopped.digest()
    skipped = Written(numbers(wrong=2), ROWS, "skipped", 2, "skip", ("label", 3))
    assert len(skipped) == 28 and skipped.left_out == 2
    assert skipped.load()["label"].max() == 2
    assert skipped.digest() != numbers(28).digest()


def test_a_label_may_be_wrong_in_any_format(tmp_path):
    image = np.zeros((4, 32, 32, 3), np.uint8)
    source = ArraySource("images", {"image": image, "label": np.uint8([0, 9, 10, 3])})
    written = Written(source, CIFAR10, "binary", classes=("label", 10))
    with pytest.raises(Damaged, match=r"record 2 \(byte 6,146\): its label is 10"):
        written.digest()
    with pytest.raises(ValueError, match="3 columns|channels"):
        as_csv((2, 2, 3))


def experiment(source, **facts) -> Experiment:
    def nothing(*_):
        raise AssertionError("never called")

    data = Data({"train": source, "test": numbers()}, shuffled_rows(20, 4))
    return Experiment(nothing, nothing, nothing, 1, 1, "rows", data=data, **facts)


def test_what_is_skipped_is_counted_and_remarked_beside_what_an_experiment_says_itself():
    files = Written(numbers(wrong=2), ROWS, "numbers", 2, "skip", ("label", 3))
    own = {"judge": lambda *_: {"test/own": 0.5}, "remarks": lambda figures: ["Mind the gap."]}
    for source in (files, Mapped(files, dict, "as it is")):
        made = with_skipped(experiment(source, **own))
        figures = made.judge(None, None, None)
        assert figures == {"test/own": 0.5, "train/left_out": 2.0}
        first, second = made.remarks(figures)
        assert first == "Mind the gap."
        assert "train: 2 broken places were skipped" in second and "line 15" in second
    bare = with_skipped(experiment(files))
    assert bare.judge(None, None, None) == {"train/left_out": 2.0}
    # The controls: nothing was broken, or nothing is to be skipped.
    whole = with_skipped(experiment(Written(numbers(), ROWS, "whole", damaged="skip")))
    assert whole.judge(None, None, None) == {} and whole.remarks({}) == []
    plain = experiment(Written(numbers(), ROWS, "whole"))
    assert with_skipped(plain) is plain


def test_a_file_that_was_hurt_stops_a_run_or_is_skipped():
    written = Written(numbers(), ROWS, "numbers", shards=3)
    assert len(written.load()["x"]) == 30
    hurt = written.directory / "part-00001-of-00003.csv"
    hurt.write_text(hurt.read_text().replace("121,2", "12x1,2"))
    with pytest.raises(Damaged, match="part-00001-of-00003.csv is 7. bytes long, and was 7."):
        Written(numbers(), ROWS, "numbers", 3).digest()
    skipping = Written(numbers(), ROWS, "numbers", 3, "skip")
    assert len(skipping) == 29 and skipping.left_out == 1
    assert 121 not in skipping.load()["x"]


def images(shape: tuple[int, int, int]) -> Images:
    draw = np.random.default_rng(0)
    columns = {
        "image": draw.integers(0, 256, (20, *shape), np.uint8),
        "label": draw.integers(0, 10, 20),
    }
    splits = {name: ArraySource(name, columns) for name in ("train", "test")}
    names = tuple("abcdefghij")
    return Images(Data(splits, shuffled_rows(20, 4)), 20, shape, 255, names)


@pytest.mark.parametrize(
    ("way", "shape"),
    [
        (as_csv((3, 2, 1)), (3, 2, 1)),
        (as_tfrecord((3, 2, 3)), (3, 2, 3)),
        (as_records(CIFAR10), (32, 32, 3)),
    ],
    ids=["csv", "tfrecord", "binary"],
)
def test_images_from_files_are_the_images(way: Way, shape):
    plain = images(shape)
    read = in_files(plain, way, "images", {"train": 2, "test": 1}, 4, "stop")
    assert read.names == plain.classes() and read.examples == 20
    for name, source in read.data.splits.items():
        found, expected = source.load(), plain.data.splits[name].load()
        assert np.array_equal(found["image"], expected["image"])
        assert np.array_equal(found["label"], expected["label"])


@pytest.mark.slow
def test_written_in_cifar_10s_form_a_picture_has_3073_bytes_and_its_planes_in_their_order():
    if find("cifar10") is None:
        pytest.skip("cifar10 is not prepared in TFDS_DATA_DIR")
    data = cifar10(100, 200)
    read = in_files(
        data, as_records(CIFAR10), "cifar", dict.fromkeys(data.data.splits, 1), 100, "stop"
    )
    read.data.splits["test"].load()
    (path,) = Path(read.data.splits["test"].directory).glob("part-*")
    content = np.fromfile(path, np.uint8).reshape(-1, 3073)
    whole = data.data.splits["test"].load()
    assert np.array_equal(content[:, 0], whole["label"])
    planes = content[:, 1:].reshape(-1, 3, 32, 32)
    assert np.array_equal(planes.transpose(0, 2, 3, 1), whole["image"])


def test_labels_are_a_part_of_how_files_are_read(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("x,label\n1,0\n2,1\n")
    made = partial(Labelled, ROWS, "label")
    assert made(2).settings() != made(3).settings() and made(2).title == "CSV"
    assert Files(str(path), made(2)).digest() == Files(str(path), ROWS).digest()
    with pytest.raises(Damaged, match=r"a\.csv: line 3: its label is 1"):
        Files(str(path), made(1)).digest()
