"""Keys: one for each (seed, purpose, step), and no two the same."""

from __future__ import annotations

import itertools
import typing

import jax
import numpy as np

from research.engine import keys

PURPOSES = typing.get_args(keys.Purpose)


def every_key(stream=keys.stream, at_step=keys.at_step) -> list[bytes]:
    derive = jax.jit(
        lambda seed, step: [jax.random.key_data(at_step(stream(seed, p), step)) for p in PURPOSES]
    )
    pairs = itertools.product((0, 1, 2, 2**31, 2**32 - 1), (0, 1, 2, 1000, 2**31 - 1))
    return [
        np.asarray(key).tobytes()
        for seed, step in pairs
        for key in derive(np.uint32(seed), np.int32(step))
    ]


def test_seeds_purposes_and_steps_give_distinct_keys():
    found = every_key()
    assert len(PURPOSES) >= 5
    assert len(set(found)) == len(found) == 25 * len(PURPOSES)


def test_a_stream_that_ignores_its_purpose_would_be_seen():
    found = every_key(stream=lambda seed, purpose: keys.stream(seed, "init"))
    assert len(set(found)) < len(found)


def test_a_stream_that_ignores_its_step_would_be_seen():
    found = every_key(at_step=lambda key, step: key)
    assert len(set(found)) < len(found)


def test_keys_are_the_same_traced_and_not():
    eager = keys.at_step(keys.stream(7, "update"), 11)
    traced = jax.jit(lambda s, t: keys.at_step(keys.stream(s, "update"), t))(7, 11)
    assert np.array_equal(jax.random.key_data(eager), jax.random.key_data(traced))


def test_a_stream_and_its_first_step_are_not_the_same_key():
    stream = keys.stream(0, "init")
    assert not np.array_equal(
        jax.random.key_data(stream), jax.random.key_data(keys.at_step(stream, 0))
    )
