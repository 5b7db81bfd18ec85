"""Mixtures and functions that draw: shares, passes, and the same bits for any workers."""

from __future__ import annotations

import dataclasses

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from research.data.feed import open_feed
from research.data.order import shuffled_rows
from research.data.sources.arrays import ArraySource
from research.data.sources.filtered import Filtered
from research.data.sources.joined import Joined
from research.data.sources.mapped import Mapped
from research.data.sources.mixed import Mixed
from research.data.sources.portions import split
from research.data.sources.repeated import Repeated
from research.engine.experiment import Data
from tests.data import stream_functions as functions
from tests.data.sources.made_of import numbers

pytestmark = pytest.mark.usefixtures("plainly_compiled")


def plain_mix(mixed: Mixed, batch: int, steps: int, seed: int = 0) -> np.ndarray:
    rows = jax.jit(jax.vmap(mixed.rows(batch), (None, 0)))
    key = jax.random.key(seed)
    return np.asarray(rows(key, np.arange(steps, dtype=np.int32)).position)


@pytest.mark.slow
@settings(max_examples=20)
@given(
    st.lists(st.tuples(st.integers(1, 40), st.integers(1, 6)), min_size=1, max_size=4), st.data()
)
def test_any_mix_keeps_its_shares_and_reads_each_source_in_passes(some, data):
    check_mix(*zip(*some, strict=True), data.draw(st.integers(1, 7)))


@pytest.mark.parametrize(
    ("counts", "weights", "batch"),
    [((7,), (3,), 3), ((23, 5, 1), (1, 2, 4), 4), ((12, 9, 30, 4), (6, 1, 1, 5), 7)],
)
def test_mixes_keep_their_shares_and_read_each_source_in_passes(counts, weights, batch):
    check_mix(counts, weights, batch)


def check_mix(counts, weights, batch):
    mixed = Mixed(tuple(numbers(c, 0) for c in counts), tuple(weights))
    steps = mixed.steps(batch)
    epochs = plain_mix(mixed, batch, 2 * steps).reshape(2, -1)
    begins = np.cumsum([0, *counts[:-1]])
    for epoch in epochs:
        which = np.searchsorted(begins, epoch, "right") - 1
        had = np.cumsum(which[:, None] == np.arange(len(counts)), axis=0)
        due = np.arange(1, len(epoch) + 1)[:, None] * np.array(weights) / sum(weights)
        bound = 1 - 1 / (2 * len(counts) - 2) if len(counts) > 1 else 0
        assert np.abs(had - due).max() <= bound + 1e-9
        for source, count in enumerate(counts):
            read = (epoch[which == source] - begins[source]).tolist()
            whole = len(read) // count
            assert whole >= 1
            for begin in range(0, whole * count, count):
                assert sorted(read[begin : begin + count]) == [*range(count)]
            assert len(set(read[whole * count :])) == len(read) - whole * count
    # No shorter epoch would have all: without its last row some example is lacking.
    first = epochs[0][: mixed.epoch]
    assert len(set(first)) == len(mixed) and len(set(first[:-1])) < len(mixed)


def test_a_mix_is_the_same_from_any_step_and_another_in_each_epoch_and_for_each_seed():
    mixed = Mixed((numbers(30), numbers(7, 100)), (0.7, 0.3))
    assert mixed.parts == (7, 3) and mixed.epoch == 43 and mixed.steps(5) == 9
    whole = plain_mix(mixed, 5, 27)
    rows = jax.jit(mixed.rows(5))
    for step in (0, 8, 9, 20):
        found = rows(jax.random.key(0), np.int32(step))
        assert np.array_equal(found.position, whole[step]) and np.all(found.weight == 1)
    epochs = whole.reshape(3, -1)
    assert not np.array_equal(epochs[0], epochs[1]) and not np.array_equal(epochs[1], epochs[2])
    assert not np.array_equal(plain_mix(mixed, 5, 27, seed=1), whole)
    # Far along, where a count of all rows would no longer fit.
    far = np.asarray(rows(jax.random.key(0), np.int32(2**31 - 1)).position)
    assert far.min() >= 0 and far.max() < 37


def test_a_mix_that_is_drawn_would_be_noticed():
    """The control: the bound on shares, for turns that are drawn by their weights."""
    drawn = np.random.default_rng(0).choice(2, 400, p=[0.7, 0.3])
    had = np.cumsum(drawn == 0)
    assert np.abs(had - 0.7 * np.arange(1, 401)).max() > 2


def test_odd_weights_are_as_near_as_4096_parts_come():
    weights = (np.pi, 1e-9, 2.0)
    parts = Mixed((numbers(1),) * 3, weights).parts
    assert sum(parts) <= 4096 and min(parts) >= 1
    shares = np.array(weights) / sum(weights)
    assert np.abs(np.array(parts) / sum(parts) - shares).max() < 2 / 4096
    assert Mixed((numbers(1),) * 3, (0.1, 0.2, 0.7)).parts == (1, 2, 7)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ((1,), "2 sources and 1 weights"),
        ((1, -2), "positive numbers"),
        ((1, 0), "leave out a source"),
        ((1, float("nan")), "positive numbers"),
    ],
)
def test_weights_that_are_none_are_refused(weights, message):
    with pytest.raises(ValueError, match=message):
        Mixed((numbers(3), numbers(3)), weights)


EXAMPLES = 300


def everything() -> Mapped:
    """One in another: filtered, joined, mixed, repeated, and mapped by a function that draws."""
    draw = np.random.default_rng(0)
    columns = {"x": draw.normal(size=(EXAMPLES, 6)), "y": np.arange(EXAMPLES)}
    some = Filtered(ArraySource("numbers", columns), functions.is_kept, "most")
    length = len(some)
    with_more = Joined((some, ArraySource("more", {"z": np.arange(length)})))
    parts = split(with_more, 0.2, 0.2)
    chained = Mixed((parts.train, parts.test), (3, 1))
    return Mapped(Repeated(chained, 7), functions.shift_at_random, "shifted", seed=5)


def batches(source, workers, kind="threads", start=3, stop=40):
    mixed = source.source.source
    rows = mixed.rows(16, passes=7)
    content = Data({"train": source, "test": source}, rows, evaluation_batch_size=100)
    placement = "resident" if workers is None else "streamed"
    with open_feed(content, placement, workers=workers or 0, worker_kind=kind) as feed:
        batch_of = jax.jit(feed.batch)
        return [
            {name: np.asarray(each).tobytes() for name, each in batch.items()}
            for window in feed.windows(0, start, stop)
            for batch in (
                batch_of(window.arrays, np.uint32(0), np.int32(step))
                for step in range(window.start, window.stop)
            )
        ]


@pytest.fixture(scope="module")
def expected(tmp_path_factory, plainly_compiled):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ENCORE_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        return batches(everything(), None)


@pytest.mark.parametrize("workers", [0, 1, 4])
def test_any_number_of_threads_reads_what_lies_on_the_device(expected, workers):
    assert batches(everything(), workers) == expected


def test_a_resumed_epoch_draws_what_it_would_have_drawn(expected):
    assert batches(everything(), 2, start=21) == expected[18:]


@pytest.mark.slow
def test_processes_draw_the_same(expected):
    for workers in (1, 4):
        assert batches(everything(), workers, "processes") == expected


def test_a_process_draws_the_same(expected):
    assert batches(everything(), 1, "processes", stop=20) == expected[:17]


def test_what_depends_on_when_it_is_read_would_be_noticed(expected):
    state = np.random.default_rng(0)

    def careless(columns, keys):
        return {**columns, "drawn": state.normal(size=len(keys)).astype(np.float32)}

    assert batches(dataclasses.replace(everything(), function=careless), 4) != expected


def test_another_pass_draws_otherwise_and_every_example_has_its_own_key():
    def drawn(columns, keys):
        return {**columns, "key": keys[:, 0]}

    source = Mapped(Repeated(numbers(50), 4), drawn, "drawn", seed=0)
    found = source.load()
    assert len(set(found["key"].tolist())) == 200 and found["y"].tolist() == [*range(50)] * 4
    rows = np.array([7, 57, 7, 107])
    again = source.read(rows)["key"].tolist()
    assert again == found["key"][rows].tolist() and again[0] == again[2] != again[1]
    assert not {*Mapped(Repeated(numbers(50), 4), drawn, "drawn", seed=1).load()["key"]} & {
        *found["key"]
    }
    assert source.digest() != dataclasses.replace(source, seed=1).digest()
    # Without passes an example is drawn once, whenever it is read.
    once = Mapped(numbers(50), drawn, "drawn", seed=0)
    assert once.load()["key"].tolist() == found["key"][:50].tolist()


def test_keys_are_uniform():
    from scipy import stats

    from research.data.sources.drawing import keys_of

    keys = np.concatenate([keys_of(seed, np.arange(8_000)) for seed in range(2)])
    for word in keys.T:
        for shift in (0, 24, 56):
            counts = np.bincount((word >> np.uint64(shift) & np.uint64(255)).astype(int))
            assert stats.chisquare(counts).pvalue > 1e-4
    bits = np.unpackbits(keys[:8_000].view(np.uint8), axis=1).astype(float)
    links = np.corrcoef(bits.T) - np.eye(128)
    assert np.abs(links).max() < 6 / np.sqrt(8_000)


@pytest.mark.parametrize(
    ("count", "batch", "passes", "last"), [(13, 4, 1, "pad"), (13, 4, 3, "drop"), (30, 7, 2, "pad")]
)
def test_rows_of_a_repeated_source_are_the_same_order_in_another_pass(count, batch, passes, last):
    plain, repeated = (
        jax.jit(jax.vmap(shuffled_rows(count, batch, last, p), (None, 0)))(
            jax.random.key(3), np.arange(3 * count // batch + 3)
        )
        for p in (1, passes)
    )
    steps = count // batch if last == "drop" else -(-count // batch)
    epoch = np.arange(len(plain.position)) // steps
    added = (epoch % passes)[:, None] * count
    assert np.array_equal(repeated.position, np.asarray(plain.position) + added)
    assert np.array_equal(repeated.weight, plain.weight)


def test_more_passes_than_rows_can_be_numbered_are_refused():
    with pytest.raises(ValueError, match="it must be 1 to 2 of 1000000000 examples"):
        shuffled_rows(10**9, 8, passes=3)
    with pytest.raises(ValueError, match="too many rows"):
        Mixed((numbers(1000), numbers(3)), (1, 1)).rows(8, passes=10**7)
