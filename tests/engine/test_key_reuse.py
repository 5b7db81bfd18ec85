"""The checks that find a key used twice do find it."""

import jax
import pytest

from tests.engine.key_reuse import KeyUsedTwice, check_drawn, check_program, noted


def split(key):
    left, right = jax.random.split(key)
    return jax.random.normal(left) + jax.random.normal(right)


def each_step_its_own(key):
    def body(i, total):
        return total + jax.random.normal(jax.random.fold_in(key, i))

    return jax.lax.fori_loop(0, 3, body, 0.0)


def twice(key):
    return jax.random.normal(key) + jax.random.uniform(key)


def every_step_the_same(key):
    return jax.lax.fori_loop(0, 3, lambda i, total: total + jax.random.normal(key), 0.0)


def folded_alike(key):
    left, right = jax.random.fold_in(key, 1), jax.random.fold_in(key, 1)
    return jax.random.normal(left) + jax.random.normal(right)


@pytest.mark.parametrize("function", [split, each_step_its_own])
def test_sound_functions_pass_both(function):
    check_program(function, jax.random.key(0))
    check_drawn(function, noted(jax.random.key(0)))


@pytest.mark.parametrize("function", [twice, every_step_the_same])
def test_the_program_shows_a_key_used_twice(function):
    with pytest.raises(jax.errors.KeyReuseError):
        check_program(function, jax.random.key(0))


@pytest.mark.parametrize("function", [twice, every_step_the_same, folded_alike])
def test_running_shows_a_key_drawn_from_twice(function):
    with pytest.raises(KeyUsedTwice):
        check_drawn(function, noted(jax.random.key(0)))


def test_noting_changes_no_bit():
    assert split(noted(jax.random.key(3))) == split(jax.random.key(3))
