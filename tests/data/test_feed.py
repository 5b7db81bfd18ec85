"""Feeds: the same bits on the device and streamed, in a compiled loop; workers that end."""

from __future__ import annotations

import itertools
import threading
import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from research.data.feed import open_feed
from research.data.order import shuffled_rows
from research.data.sources.arrays import ArraySource
from research.engine.experiment import Data
from research.errors import Mistake


def source(examples: int, name: str = "random", seed: int = 0) -> ArraySource:
    draw = np.random.default_rng(seed)
    image = draw.integers(0, 256, (examples, 5, 5, 1), np.uint8)
    return ArraySource(name, {"image": image, "label": draw.integers(0, 10, examples)})


def data(examples: int = 50, batch_size: int = 8, last: str = "pad", **options) -> Data:
    splits = {"train": source(examples), "test": source(21, seed=1)}
    options = {"rows": shuffled_rows(examples, batch_size, last), **options}
    return Data(splits, evaluation_batch_size=10, **options)


def advance(feed):
    """A loop like the engine's: one program, traced bounds, arithmetic that keeps the order."""

    def update(state, batch):
        image = batch["image"].astype(jnp.float32) / 255
        each = jnp.sum(jnp.tanh(image.reshape(len(image), -1) @ state["w"]), axis=1)
        miss = (each - batch["label"]) * batch["weight"]
        gradient = jnp.einsum("b,bi->i", miss, image.reshape(len(image), -1))
        return {"w": state["w"] - 1e-3 * gradient[:, None], "n": state["n"] + batch["weight"].sum()}

    def run(state, arrays, seed, start, stop):
        return jax.lax.fori_loop(
            start, stop, lambda step, carry: update(carry, feed.batch(arrays, seed, step)), state
        )

    return jax.jit(run, donate_argnums=0)


def train(feed, cuts: list[int], seed: int = 3, compiled=None) -> tuple[bytes, int]:
    compiled = compiled or advance(feed)
    state = {"w": jnp.linspace(-1, 1, 75, dtype=jnp.float32).reshape(25, 3), "n": jnp.float32(0)}
    for start, stop in itertools.pairwise(cuts):
        at = start
        for window in feed.windows(seed, start, stop):
            assert window.start == at < window.stop <= stop
            at = window.stop
            state = compiled(
                state, window.arrays, np.uint32(seed), np.int32(window.start), np.int32(window.stop)
            )
        assert at == stop
    return b"".join(np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(state)), (
        compiled._cache_size()
    )


@pytest.fixture(scope="module")
def undisturbed():
    return train(open_feed(data(), "resident"), [0, 40])[0]


@pytest.mark.parametrize("window_steps", [1, 3, 16, 100])
@pytest.mark.parametrize("cuts", [[0, 40], [0, 1, 7, 7, 32, 40]])
def test_streamed_gives_the_bits_of_resident_in_one_compilation(undisturbed, window_steps, cuts):
    with open_feed(data(), "streamed", window_steps=window_steps) as feed:
        assert train(feed, cuts) == (undisturbed, 1)


def test_resident_in_slices_gives_the_same_bits_in_one_compilation(undisturbed):
    assert train(open_feed(data(), "resident"), [0, 1, 7, 32, 40]) == (undisturbed, 1)


def test_another_order_is_noticed(undisturbed):
    for other in (
        data(rows=shuffled_rows(50, 8, "drop")),
        data()._replace(splits={"train": source(50, seed=9)}),
    ):
        assert train(open_feed(other, "resident"), [0, 40])[0] != undisturbed
    assert train(open_feed(data(), "resident"), [0, 40], seed=4)[0] != undisturbed


def batch_at(feed, seed: int, step: int) -> dict[str, np.ndarray]:
    (window,) = feed.windows(seed, step, step + 1)
    return jax.device_get(feed.batch(window.arrays, np.uint32(seed), np.int32(step)))


@settings(max_examples=5, deadline=None)
@given(st.integers(8, 60), st.integers(0, 500), st.integers(1, 9), st.sampled_from(["drop", "pad"]))
def test_any_step_has_the_same_batch_either_way(examples, step, window_steps, last):
    content = data(examples, 8, last)
    resident = batch_at(open_feed(content, "resident"), 1, step)
    with open_feed(content, "streamed", window_steps=window_steps) as feed:
        streamed = batch_at(feed, 1, step)
        # Going back, and to another seed, forgets what was read ahead.
        assert batch_at(feed, 2, step // 2).keys() == streamed.keys()
        again = batch_at(feed, 1, step)
    for name, column in resident.items():
        assert column.dtype == streamed[name].dtype == again[name].dtype
        assert np.array_equal(column, streamed[name]) and np.array_equal(column, again[name])


def test_the_weights_of_an_epoch_sum_to_its_examples():
    _, number = data(), 7
    state, _ = train(open_feed(data(), "streamed", window_steps=4), [0, 2 * number])
    assert np.frombuffer(state[:4], np.float32) == 100  # The leaf n comes first.


@pytest.mark.parametrize("placement", ["resident", "streamed"])
@pytest.mark.parametrize("examples", [1, 10, 21])
def test_evaluation_counts_each_example_once(placement, examples):
    content = data()._replace(splits={"test": source(examples)}, rows=None)
    with open_feed(content, placement) as feed:
        for _ in range(2):
            batches = list(feed.evaluation("test"))
            assert {batch["image"].shape for batch in batches} == {(10, 5, 5, 1)}
            kept = np.concatenate([batch["weight"] for batch in batches]) == 1
            images = np.concatenate([batch["image"] for batch in batches])
            assert np.array_equal(images[kept], source(examples).columns["image"])
            labels = np.concatenate([batch["label"] for batch in batches])[kept]
            assert np.array_equal(labels, source(examples).columns["label"])


def test_no_data_means_no_batch():
    feed = open_feed(None)
    assert list(feed.evaluation("test")) == [None]
    (window,) = feed.windows(0, 3, 9)
    assert (window.start, window.stop) == (3, 9)
    assert feed.batch(window.arrays, np.uint32(0), np.int32(3)) is None
    assert feed.digests() == {} and list(feed.windows(0, 4, 4)) == []


def test_generated_batches_are_a_function_of_seed_and_step():
    feed = open_feed(Data({}, generate=lambda key, step: jax.random.normal(key, (4,)) + step))
    (window,) = feed.windows(0, 0, 9)
    draw = lambda seed, step: np.asarray(  # noqa: E731
        feed.batch(window.arrays, np.uint32(seed), np.int32(step))
    )
    assert np.array_equal(draw(0, 5), draw(0, 5)) and not np.array_equal(draw(0, 5), draw(1, 5))
    assert list(feed.evaluation("test")) == [None]


class Counted(ArraySource):
    """Counts the ways in which it is read."""

    def __init__(self, examples: int) -> None:
        super().__init__("counted", source(examples).columns)
        object.__setattr__(self, "calls", [])

    def load(self):
        self.calls.append("load")
        return super().load()

    def read(self, index):
        self.calls.append("read")
        return super().read(index)


@pytest.mark.parametrize(("limit", "loads"), [(50 * 33, 1), (50 * 33 - 1, 0)])
def test_auto_goes_by_decoded_size(limit, loads):
    counted = Counted(50)
    content = Data({"train": counted}, rows=shuffled_rows(50, 8))
    with open_feed(content, resident_bytes=limit) as feed:
        assert counted.calls == []
        list(feed.windows(0, 0, 2))
    assert counted.calls.count("load") == loads


def test_digests_are_of_the_content():
    assert open_feed(data()).digests() == open_feed(data(), "streamed").digests()
    other = data()._replace(splits={"train": source(50, seed=9), "test": source(21, seed=1)})
    assert open_feed(data()).digests()["train"] != open_feed(other).digests()["train"]
    assert open_feed(data()).digests()["test"] == open_feed(other).digests()["test"]


class Broken(ArraySource):
    def read(self, index):
        raise OSError("the disk is gone")


def workers() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("encore")]


def test_an_error_of_a_worker_reaches_the_caller_and_no_thread_is_left():
    broken = Broken("broken", source(50).columns)
    content = Data({"train": broken, "test": broken}, rows=shuffled_rows(50, 8))
    with open_feed(content, "streamed") as feed:
        with pytest.raises(OSError, match="the disk is gone"):
            list(feed.windows(0, 0, 5))
        with pytest.raises(OSError, match="the disk is gone"):
            list(feed.evaluation("test"))
        assert workers()
    assert not workers()


class Slow(ArraySource):
    reads = 0

    def read(self, index):
        type(self).reads += 1
        time.sleep(0.05)
        return super().read(index)


def test_leaving_in_the_middle_ends_the_workers_at_once():
    slow = Slow("slow", source(500).columns)
    content = Data({"train": slow, "test": slow}, rows=shuffled_rows(500, 4))
    with pytest.raises(KeyboardInterrupt), open_feed(content, "streamed", window_steps=4) as feed:
        for _ in feed.windows(0, 0, 1000):
            raise KeyboardInterrupt
    feed.close()
    batches = open_feed(content, "streamed").evaluation("test")
    next(batches)
    batches.close()
    # Reading on to the end would be 1,000 reads.
    assert not workers() and 0 < Slow.reads < 100


def test_mistakes_are_told():
    with pytest.raises(Mistake, match=r"Did you mean test\?"):
        list(open_feed(data()).evaluation("tset"))
    text = np.array([b"a", b"bc"], object)
    for columns, message in [
        ({"text": text}, "is text"),
        ({"weight": np.ones(2)}, "weight"),
        ({"number": np.array([2**31, 0])}, "do not fit int32"),
    ]:
        content = Data({"train": ArraySource("odd", columns)}, rows=shuffled_rows(2, 1))
        for placement in ("resident", "streamed"):
            with (
                pytest.raises(Mistake, match=message),
                open_feed(content, placement) as feed,
            ):
                list(feed.windows(0, 0, 1))
    with pytest.raises(ValueError, match="train"):
        open_feed(Data({}, rows=shuffled_rows(2, 1)))
    with pytest.raises(ValueError, match="both"):
        open_feed(data(generate=lambda key, step: None))
    with pytest.raises(ValueError, match="placement"):
        open_feed(None, "strimmed")
    with pytest.raises(ValueError, match="equally long"):
        ArraySource("odd", {"a": np.ones(2), "b": np.ones(3)})
