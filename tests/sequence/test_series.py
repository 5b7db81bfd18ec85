"""Generated streams: they continue, restart, and are the series of the book plus their noise."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from research.sequence.forecasts.series import (
    NOISE_VARIANCE,
    NOISE_WIDTH,
    STEPS_PER_UNIT,
    Waves,
    clean_values,
    held_out,
    make_streams,
)

generate = jax.jit(make_streams(streams=5, window=12, windows=4))


def _batch(seed, step):
    return jax.tree.map(np.asarray, generate(jax.random.key(seed), jnp.int32(step)))


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), step=st.integers(0, 10**6))
def test_windows_continue_to_the_bit(seed, step):
    now, later = _batch(seed, step), _batch(seed, step + 1)
    goes_on = ~later["starts"]
    np.testing.assert_array_equal(now["targets"][goes_on, -1], later["inputs"][goes_on, 0])
    np.testing.assert_array_equal(now["inputs"][:, 1:], now["targets"][:, :-1])
    # Control: where a series starts, and one window further, nothing continues.
    assert later["starts"].any()
    assert (now["targets"][~goes_on, -1] != later["inputs"][~goes_on, 0]).all()
    assert (now["targets"][:, -1] != _batch(seed, step + 2)["inputs"][:, 0]).all()


def test_streams_start_anew_one_after_another():
    starts = np.stack([_batch(0, step)["starts"] for step in range(12)])
    expected = [[(step + stream) % 4 == 0 for stream in range(5)] for step in range(12)]
    np.testing.assert_array_equal(starts, expected)


def test_inside_a_compiled_loop_it_is_the_same():
    """Random access gives what a pass through the steps gives."""

    @jax.jit
    def collected(start, stop):
        def visit(step, kept):
            return kept.at[step].set(generate(jax.random.key(7), step)["inputs"])

        return jax.lax.fori_loop(start, stop, visit, jnp.zeros((9, 5, 12)))

    alone = np.stack([_batch(7, step)["inputs"] for step in range(9)])
    np.testing.assert_array_equal(collected(0, 9), alone)


def test_streams_and_series_differ():
    batches = [_batch(0, step)["inputs"] for step in range(0, 40, 4)]
    assert len(np.unique(np.concatenate(batches)[:, 0])) == 50
    assert not np.array_equal(batches[0], _batch(1, 0)["inputs"])


def test_noise_is_uniform_and_independent():
    """Its variance is the floor, .1²/12, within 5 standard errors; neighbours are uncorrelated."""
    key = jax.random.key(3)
    streams = jax.jit(make_streams(streams=64, window=400, windows=1))
    values = np.asarray(streams(key, jnp.int32(2))["inputs"], np.float64)

    def waves(stream):
        stream_key = jax.random.fold_in(jax.random.fold_in(key, stream), 2 + stream)
        return jax.random.uniform(jax.random.split(stream_key)[0], (4,))

    numbers = np.asarray(jax.vmap(waves)(jnp.arange(64)), np.float64).T[..., None]
    noise = values - _book(*numbers, time=np.arange(400) / 50)
    assert np.abs(noise).max() < NOISE_WIDTH / 2 + 1e-5
    # The variance of a uniform number's square is width⁴/180.
    error = NOISE_WIDTH**2 / np.sqrt(180 * noise.size)
    assert abs(np.mean(noise**2) - NOISE_VARIANCE) < 5 * error
    correlation = np.mean(noise[:, 1:] * noise[:, :-1]) / NOISE_VARIANCE
    assert abs(correlation) < 5 / np.sqrt(noise.size)


def _book(freq1, freq2, offsets1, offsets2, time):
    """`generate_time_series` of the book's chapter 15, without the noise."""
    series = 0.5 * np.sin((time - offsets1) * (freq1 * 10 + 10))
    series += 0.2 * np.sin((time - offsets2) * (freq2 * 20 + 20))
    return series


def test_clean_values_are_the_books():
    numbers = np.random.default_rng(0).uniform(size=(4, 6, 1))
    time = np.arange(51) / STEPS_PER_UNIT
    np.testing.assert_allclose(time, np.linspace(0, 1, 51))
    expected = _book(*numbers, time=time)
    np.testing.assert_allclose(clean_values(Waves(*numbers), time, np.sin), expected, rtol=1e-12)
    on_device = clean_values(Waves(*jnp.float32(numbers)), jnp.float32(time), jnp.sin)
    np.testing.assert_allclose(on_device, expected, atol=1e-5)


def test_held_out_series():
    source = held_out(1, 300, 200)
    columns = source.load()
    assert len(source) == 300
    assert {name: (column.shape, column.dtype.name) for name, column in columns.items()} == {
        "series": ((300, 201), "float32"),
        "clean": ((300, 201), "float32"),
    }
    noise = columns["series"] - columns["clean"]
    assert np.mean(noise**2) == pytest.approx(NOISE_VARIANCE, rel=0.02)
    assert source.digest() == held_out(1, 300, 200).digest() != held_out(2, 300, 200).digest()
