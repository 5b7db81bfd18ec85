"""The order of an epoch: exact coverage, uniformity, and random access."""

from __future__ import annotations

import itertools
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from research.data import order
from research.engine.keys import stream

pytestmark = pytest.mark.usefixtures("plainly_compiled")

KEY = stream(0, "order")


def whole(key: jax.Array, size: int) -> np.ndarray:
    return np.array(compiled_permute(key, jnp.arange(size), size))


compiled_permute = jax.jit(order.permute, static_argnums=2)


def covers(places: np.ndarray, size: int) -> bool:
    return bool(np.array_equal(np.sort(places), np.arange(size)))


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 10, 255, 256, 257, 1437, 55_000, 65_537, 10**6])
def test_every_position_once_fixed_sizes(size):
    assert covers(whole(KEY, size), size)


@settings(max_examples=12, deadline=None)
@given(st.integers(1, 10**6), st.integers(0, 2**32 - 1))
def test_every_position_once_any_size(size, seed):
    assert covers(whole(stream(seed, "order"), size), size)


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(st.integers(1, 10**6), st.integers(0, 2**32 - 1))
def test_every_position_once_many_sizes(size, seed):
    assert covers(whole(stream(seed, "order"), size), size)


def test_a_permutation_that_is_none_is_noticed():
    places = whole(KEY, 1000)
    places[3] = places[4]
    assert not covers(places, 1000)


@pytest.mark.parametrize("size", [2**31 - 1, 2**31 - 2, 2**30 + 1])
def test_huge_sizes_stay_in_range_and_apart(size):
    positions = jnp.concatenate([jnp.arange(1000), size - 1 - jnp.arange(1000)])
    places = np.asarray(order.permute(KEY, positions, size))
    assert places.min() >= 0 and places.max() < size
    assert len(np.unique(places)) == 2000


def test_positions_of_one_epoch_are_permuted_alike_one_by_one_and_together():
    together = whole(KEY, 97)
    one_by_one = [int(compiled_permute(KEY, jnp.int32(place), 97)) for place in range(97)]
    mapped = jax.vmap(lambda place: order.permute(KEY, place, 97))(jnp.arange(97))
    assert np.array_equal(together, one_by_one) and np.array_equal(together, mapped)


def permutations(size: int, number: int, offset: int = 0) -> np.ndarray:
    """`[number, size]`, one permutation for each of as many epochs."""
    keys = jax.vmap(lambda epoch: jax.random.fold_in(KEY, epoch))(jnp.arange(number) + offset)
    return np.asarray(jax.jit(jax.vmap(partial(whole_traced, size=size)))(keys))


def whole_traced(key: jax.Array, size: int) -> jax.Array:
    return order.permute(key, jnp.arange(size), size)


def uniform(counts: np.ndarray) -> bool:
    """Chi-square at 1e-4: a true uniform fails once in 10,000 keys, and the keys are fixed."""
    return stats.chisquare(counts.ravel()).pvalue > 1e-4


@pytest.mark.parametrize("size", [2, 3, 4, 5, 6])
def test_all_permutations_of_tiny_sizes_are_equally_frequent(size):
    drawn = permutations(size, 40_000)
    code = drawn @ (size ** np.arange(size))
    expected = [np.dot(one, size ** np.arange(size)) for one in itertools.permutations(range(size))]
    counts = np.array([np.sum(code == value) for value in expected])
    assert counts.sum() == 40_000 and uniform(counts)


@pytest.mark.parametrize("size", [3, 5, 6, 10, 33, 64])
def test_first_positions_and_pairs_are_uniform(size):
    drawn = permutations(size, 40_000)
    for place in (0, size // 2, size - 1):
        assert uniform(np.bincount(drawn[:, place], minlength=size))
    for left, right in [(0, 1), (0, size - 1), (size // 2, size // 2 + 1)]:
        pairs = np.bincount(drawn[:, left] * size + drawn[:, right], minlength=size * size)
        off_diagonal = pairs.reshape(size, size)[~np.eye(size, dtype=bool)]
        assert uniform(off_diagonal)


@pytest.mark.parametrize("size", [1437, 55_000])
def test_large_sizes_show_no_structure(size):
    drawn = permutations(size, 40)
    half = size // 2
    # Among the first half of an epoch's positions half of the examples are from the first half.
    share = np.mean(drawn[:, :half] < half)
    assert abs(share - 0.5) < 4 * 0.5 / np.sqrt(40 * half)
    step = np.diff(drawn, axis=1) % size
    assert uniform(np.bincount(step.ravel() * 50 // size, minlength=50))
    # Fixed points: one expected an epoch (Poisson).
    assert np.sum(drawn == np.arange(size)) in range(15, 75)


def test_a_shuffle_of_few_rounds_is_found_not_uniform(monkeypatch):
    monkeypatch.setattr(order, "ROUNDS", 2)
    drawn = permutations(6, 40_000)
    pairs = np.bincount(drawn[:, 0] * 6 + drawn[:, 1], minlength=36)
    assert not uniform(pairs.reshape(6, 6)[~np.eye(6, dtype=bool)])


@settings(max_examples=10, deadline=None)
@given(st.integers(1, 300), st.integers(1, 64), st.sampled_from(["drop", "pad"]))
def test_an_epoch_counts_each_example_as_promised(examples, batch_size, last):
    if last == "drop" and batch_size > examples:
        with pytest.raises(ValueError, match="batch_size"):
            order.shuffled_rows(examples, batch_size, last)
        return
    steps = order.steps_per_epoch(examples, batch_size, last)
    rows = jax.jit(jax.vmap(order.shuffled_rows(examples, batch_size, last), (None, 0)))
    for epoch in range(2):
        drawn = rows(KEY, jnp.arange(steps, dtype=jnp.int32) + epoch * steps)
        assert drawn.position.shape == (steps, batch_size)
        kept = np.asarray(drawn.position)[np.asarray(drawn.weight) == 1]
        assert len(np.unique(kept)) == len(kept)
        assert len(kept) == (examples if last == "pad" else steps * batch_size)
        assert np.asarray(drawn.position).min() >= 0
        assert np.asarray(drawn.position).max() < examples
        # Padding comes last, and only in the epoch's last batch.
        assert np.asarray(drawn.weight)[:-1].all()
        assert np.all(np.diff(np.asarray(drawn.weight)[-1]) <= 0)


hundred = jax.jit(jax.vmap(order.shuffled_rows(100, 10), (None, 0)))


def epochs(seed: int, number: int) -> list[bytes]:
    steps = jnp.arange(10 * number, dtype=jnp.int32)
    drawn = hundred(stream(seed, "order"), steps).position
    return [np.asarray(part).tobytes() for part in drawn.reshape(number, 100)]


def test_epochs_and_seeds_differ_and_repeat_exactly():
    orders = epochs(0, 20) + epochs(1, 20)
    assert len(set(orders)) == 40
    assert orders[:20] == epochs(0, 20)


@pytest.mark.parametrize("size", [0, -1, 2**31])
def test_sizes_out_of_range_are_refused(size):
    with pytest.raises(ValueError, match="size"):
        order.permute(KEY, jnp.int32(0), size)
    with pytest.raises(ValueError, match="examples"):
        order.steps_per_epoch(size, 1)


def test_inside_a_compiled_loop_with_traced_bounds_rows_are_the_same():
    rows = order.shuffled_rows(103, 8, "pad")
    alone = jax.jit(rows)

    @jax.jit
    def total(start, stop):
        zero = jnp.zeros((8,), jnp.int32)
        return jax.lax.fori_loop(
            start, stop, lambda step, carry: carry * 7 + rows(KEY, step).position, zero
        )

    expected = np.zeros((8,), np.int32)
    for step in range(20):
        expected = expected * np.int32(7) + np.asarray(alone(KEY, jnp.int32(step)).position)
    assert np.array_equal(total(0, 20), expected)
