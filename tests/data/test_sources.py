"""Mapped sources: the same examples however they are read, and a digest that knows the function."""

from __future__ import annotations

import dataclasses

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from research.data.columns import as_objects
from research.data.feed import open_feed
from research.data.order import shuffled_rows
from research.data.sources import mapped
from research.data.sources.arrays import ArraySource
from research.data.sources.mapped import Mapped
from research.engine.experiment import Data
from research.engine.program import Program
from research.engine.run import StoppedRun
from research.errors import Mistake
from tests.engine.toy import SURROUNDINGS, ToyFeed, make_toy, run_toy


def texts(count: int) -> ArraySource:
    draw = np.random.default_rng(count)
    written = [bytes(draw.integers(97, 123, draw.integers(0, 9), np.uint8)) for _ in range(count)]
    return ArraySource("texts", {"text": as_objects(written), "number": np.arange(count)})


def count_letters(columns):
    """Floats whose last bits would show another order of calculation."""
    letters = [np.frombuffer(text, np.uint8) for text in columns["text"]]
    counts = np.array([np.bincount(row, minlength=123)[97:] for row in letters]).reshape(-1, 26)
    share = counts.astype(np.float32) / np.maximum(1, counts.sum(1, keepdims=True))
    return {"share": np.exp(share), "number": columns["number"]}


def counted(count: int, **changes) -> Mapped:
    return dataclasses.replace(Mapped(texts(count), count_letters, "shares of letters"), **changes)


def same(one, other) -> bool:
    return one.keys() == other.keys() and all(
        one[name].dtype == other[name].dtype and np.array_equal(one[name], other[name])
        for name in one
    )


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 40), st.data())
def test_an_example_is_the_same_however_it_is_read(count, data):
    source = counted(count)
    rows = data.draw(st.lists(st.integers(0, count - 1), max_size=12))
    expected = count_letters(texts(count).load())
    chosen = {name: column[rows] for name, column in expected.items()}
    assert same(source.read(np.array(rows, int)), chosen)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mapped, "_CHUNK", data.draw(st.integers(1, 50)))
        assert same(source.load(), expected)
    assert len(source) == count and source.name == "texts, shares of letters"


def test_no_example_is_no_example():
    assert counted(0).load()["share"].shape == (0, 26) and counted(0).digest()


def batches(source, placement):
    content = Data({"train": source, "test": source}, shuffled_rows(len(source), 8, "pad"))
    with open_feed(content._replace(evaluation_batch_size=9), placement, window_steps=3) as feed:
        return [
            jax.device_get(feed.batch(window.arrays, np.uint32(0), np.int32(step)))
            for window in feed.windows(0, 2, 9)
            for step in range(window.start, window.stop)
        ] + [jax.device_get(batch) for batch in feed.evaluation("test")]


def test_mapped_on_the_device_and_streamed_are_the_same_bits():
    pairs = [*zip(batches(counted(30), "resident"), batches(counted(30), "streamed"), strict=True)]
    assert len(pairs) == 11 and all(same(*pair) for pair in pairs)


def centred(columns):
    """Not pure: the mean is that of whatever was read together."""
    return {"number": columns["number"] - columns["number"].mean()}


def test_a_function_that_looks_at_other_examples_is_refused():
    source = counted(30, function=centred)
    pairs = zip(batches(source, "resident"), batches(source, "streamed"), strict=True)
    assert not all(same(*pair) for pair in pairs)  # So the test above would notice.
    with pytest.raises(Mistake, match="becomes something else when it is read alone"):
        source.digest()


def test_a_function_that_loses_examples_is_refused():
    source = counted(30, function=lambda columns: {"number": columns["number"][1:]})
    with pytest.raises(Mistake, match=r"30 examples became \{'number': 29\}"):
        source.load()


def half(columns):
    return {**count_letters(columns), "share": count_letters(columns)["share"] / 2}


def test_the_digest_knows_source_words_version_and_function():
    digests = {
        source.digest()
        for source in [
            counted(30),
            counted(30),
            counted(30, version="2"),
            counted(30, does="shares of the alphabet"),
            counted(31),
            counted(30, function=half),  # The version was forgotten.
            Mapped(counted(30), lambda columns: columns, "as it is"),
        ]
    }
    assert len(digests) == 6


def test_a_run_does_not_go_on_with_another_version_of_a_function(tmp_path):
    def surroundings(version):
        feed = open_feed(Data({"train": counted(30, version=version)}))
        return SURROUNDINGS._replace(data=dict(feed.digests()))

    program = Program(make_toy(), ToyFeed())
    with pytest.raises(StoppedRun):
        run_toy(tmp_path, program, until=20, surroundings=surroundings("1"))
    with pytest.raises(Mistake, match="the data of split train are not those of this run"):
        run_toy(tmp_path, program, surroundings=surroundings("2"))
    assert run_toy(tmp_path, program, surroundings=surroundings("1"))["complete"]
