"""Columns of varying length: padded, hashed, cached, and read from a prepared data set."""

from __future__ import annotations

import hashlib
from functools import partial

import jax
import numpy as np
import pytest
import tensorflow_datasets as tfds
from hypothesis import given, settings
from hypothesis import strategies as st

from research.data import builders, cache
from research.data.columns import as_objects, digest, pad, pad_column
from research.data.feed import open_feed
from research.data.order import shuffled_rows
from research.data.sources.arrays import ArraySource
from research.data.sources.mapped import Mapped
from research.data.tfds_split import TfdsSplit
from research.engine.experiment import Data
from research.errors import Mistake


def boxes_of(counts) -> np.ndarray:
    draw = np.random.default_rng(len(counts))
    return as_objects([draw.normal(size=(count, 4)).astype(np.float32) for count in counts])


COUNTS = st.lists(st.integers(0, 5), min_size=1, max_size=8)


@given(COUNTS, st.integers(0, 3))
def test_padding_adds_zeros_and_counts_what_is_real(counts, spare):
    column, length = boxes_of(counts), max(counts) + spare
    columns = pad_column({"box": column, "x": np.ones(len(counts))}, "box", length, "set")
    assert columns.keys() == {"box", "box/count", "x"}
    padded, kept = columns["box"], columns["box/count"]
    assert padded.shape == (len(counts), length, 4) and padded.dtype == np.float32
    assert kept.dtype == np.int32 and kept.tolist() == counts
    for row, count, example in zip(padded, counts, column, strict=True):
        assert np.array_equal(row[:count], example) and not row[count:].any()
    if max(counts):
        message = f"{max(counts)} elements, more than the {max(counts) - 1} that"
        with pytest.raises(Mistake, match=message):
            pad_column({"box": column}, "box", max(counts) - 1, "set")


@given(st.lists(st.lists(st.integers(1, 9), max_size=4), max_size=5))
def test_lists_are_padded_as_python_does(lists):
    expected = [numbers + [0] * (4 - len(numbers)) for numbers in lists]
    padded = pad(lists, 4, np.uint16)
    assert padded.dtype == np.uint16 and padded.tolist() == expected


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (as_objects([b"a", b"bc"]), "is text"),
        (np.zeros((2, 3)), r"has examples of shape \(3,\)"),
        (as_objects([np.zeros((1, 2)), np.zeros((1, 3))]), "more than their length"),
    ],
)
def test_what_cannot_be_padded_is_refused(column, message):
    with pytest.raises(Mistake, match=message):
        pad_column({"box": column}, "box", 9, "set")


@given(COUNTS)
def test_the_digest_is_that_of_the_bytes_and_of_the_shapes(counts):
    column = boxes_of(counts)
    whole = digest({"box": column})
    state = hashlib.sha256(b"".join(example.tobytes() for example in column))
    assert whole.split("-")[0] == state.hexdigest()
    big_endian = as_objects([example.astype(">f4") for example in column])
    assert digest({"box": big_endian}) == whole
    moved = as_objects([*column[:-1], np.zeros((0, 4), np.float32), column[-1]])
    flat = as_objects([example.reshape(-1) for example in column])
    for other in (moved, flat):  # The same bytes in another form.
        assert digest({"box": other}).split("-")[0] == whole.split("-")[0]
        assert digest({"box": other}) != whole


@settings(max_examples=20, deadline=None)
@given(COUNTS, st.integers(1, 8))
def test_the_cache_gives_back_what_it_was_given(tmp_path_factory, counts, chunk):
    columns = {"a/box": boxes_of(counts), "x": np.arange(len(counts))}
    parts = [
        {name: column[start : start + chunk] for name, column in columns.items()}
        for start in range(0, len(counts), chunk)
    ]
    place = tmp_path_factory.mktemp("cache")
    for each in (parts, []):  # Written, then read.
        kept = cache.load(place, "files", len(counts), partial(iter, each))
        assert kept is not None and digest(kept) == digest(columns)
        for one, other in zip(kept["a/box"], columns["a/box"], strict=True):
            assert one.dtype == other.dtype and np.array_equal(one, other)


class EncoreTestBoxes(tfds.core.GeneratorBasedBuilder):
    """Pictures with up to five boxes, one of them without any, and texts that are not read."""

    VERSION = tfds.core.Version("1.0.0")

    def _info(self):
        box = {"corner": tfds.features.Tensor(shape=(4,), dtype=np.float32), "label": np.int64}
        box["label"] = tfds.features.ClassLabel(names=["cat", "dog"])
        return tfds.core.DatasetInfo(
            builder=self,
            features=tfds.features.FeaturesDict(
                {
                    "number": np.int64,
                    "objects": tfds.features.Sequence(box),
                    "words": tfds.features.Sequence(tfds.features.Text()),
                }
            ),
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager):
        return {"train": self._generate_examples()}

    def _generate_examples(self):
        for number, corners in enumerate(boxes_of([*range(6)] * 7)):
            labels = [number % 2] * len(corners)
            yield (
                number,
                {
                    "number": number,
                    "objects": {"corner": corners, "label": labels},
                    "words": ["a", "b"],
                },
            )


@pytest.fixture
def prepared_boxes(folders):
    builders.tfds_quietly_prepare(EncoreTestBoxes(data_dir=folders[0], file_format="array_record"))


def boxes(length: int = 5, *features: str) -> TfdsSplit:
    padded = {"objects/corner": length, "objects/label": length}
    return TfdsSplit("encore_test_boxes", "train", features, padded)


def test_a_split_pads_what_it_is_told_to(prepared_boxes):
    source, expected = boxes(), boxes_of([*range(6)] * 7)
    order = np.random.default_rng(0).permutation(42)
    decoded = source.read(order)  # Nothing is cached yet.
    whole = source.load()
    assert whole["objects/corner"].shape == (42, 5, 4) and whole["objects/label"].shape == (42, 5)
    for row, example in enumerate(expected):
        assert whole["objects/label/count"][row] == whole["objects/corner/count"][row] == row % 6
        assert np.array_equal(whole["objects/corner"][row, : row % 6], example)
        assert not whole["objects/corner"][row, row % 6 :].any()
    for read in (decoded, source.read(order)):
        assert (
            read.keys()
            == whole.keys()
            == {"number"}
            | {f"objects/{name}" for name in ("corner", "corner/count", "label", "label/count")}
        )
        for name, column in read.items():
            assert column.dtype == whole[name].dtype
            assert np.array_equal(column, whole[name][order])
    assert len({source.digest(), boxes(6).digest(), boxes(5, "number").digest()}) == 2
    assert source.class_names("objects/label") == ("cat", "dog")
    assert source.name.endswith("(objects/corner padded to 5, objects/label padded to 5)")
    nothing = TfdsSplit("encore_test_boxes", "train[3:3]", (), {"objects/corner": 5}).load()
    assert nothing["objects/corner"].shape == (0, 5, 4)


def test_padded_batches_are_the_same_on_the_device_and_streamed(prepared_boxes):
    content = Data({"train": boxes()}, shuffled_rows(42, 8))
    read = {}
    for placement in ("resident", "streamed"):
        with open_feed(content, placement, window_steps=2) as feed:
            read[placement] = [
                jax.device_get(feed.batch(window.arrays, np.uint32(0), np.int32(step)))
                for window in feed.windows(0, 0, 6)
                for step in range(window.start, window.stop)
            ]
    for one, other in zip(read["resident"], read["streamed"], strict=True):
        assert one.keys() == other.keys()
        assert all(np.array_equal(one[name], other[name]) for name in one)


def test_mistakes_say_what_to_do(prepared_boxes):
    with pytest.raises(Mistake, match="has 5 elements, more than the 4"):
        boxes(4).digest()
    with pytest.raises(Mistake, match="has no column words; it has number, objects/corner"):
        TfdsSplit("encore_test_boxes", "train", ("words",)).load()
    ragged = TfdsSplit("encore_test_boxes", "train")
    for placement in ("resident", "streamed"):
        with (
            pytest.raises(Mistake, match=r"'objects/corner' differ in length.*padded="),
            open_feed(Data({"train": ragged}, shuffled_rows(42, 8)), placement) as feed,
        ):
            list(feed.windows(0, 0, 1))


def test_a_function_takes_ragged_columns(prepared_boxes):
    def first_box(columns):
        return {"corner": np.stack([np.resize(each, 4) for each in columns["objects/corner"]])}

    ragged = TfdsSplit("encore_test_boxes", "train", ("objects/corner",))
    source = Mapped(ragged, first_box, "its first box")
    assert source.load()["corner"].shape == (42, 4) and source.digest() != ragged.digest()
    alike = ArraySource("alike", {"objects/corner": boxes_of([1, 2])})
    assert Mapped(alike, first_box, "its first box").digest()
