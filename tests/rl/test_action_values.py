"""Distributions of returns: the projection against the paper's loop."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from research.rl import action_values

LOW, HIGH, ATOMS = -2.0, 6.0, 9


def by_the_loop(probability: np.ndarray, moved: np.ndarray) -> np.ndarray:
    """Bellemare et al. 2017, algorithm 1, for one example."""
    made = np.zeros(ATOMS)
    for share, value in zip(probability, moved, strict=True):
        place = (np.clip(value, LOW, HIGH) - LOW) / ((HIGH - LOW) / (ATOMS - 1))
        lower, upper = int(np.floor(place)), int(np.ceil(place))
        if lower == upper:
            made[lower] += share
        else:
            made[lower] += share * (upper - place)
            made[upper] += share * (place - lower)
    return made


def test_projection_is_the_papers() -> None:
    random = np.random.default_rng(0)
    probability = random.dirichlet(np.ones(ATOMS), 50)
    values = np.asarray(action_values.support(LOW, HIGH, ATOMS))
    reward, discount = random.normal(size=(50, 1)) * 3, random.choice([0.0, 0.5, 0.9], (50, 1))
    moved = reward + discount * values
    made = action_values.project(jnp.asarray(probability), jnp.asarray(moved), LOW, HIGH)
    wanted = [by_the_loop(*one) for one in zip(probability, moved, strict=True)]
    np.testing.assert_allclose(made, wanted, atol=1e-6)
    np.testing.assert_allclose(np.sum(made, axis=1), 1.0, atol=1e-6)


def test_projection_keeps_the_mean_of_what_lies_inside() -> None:
    values = action_values.support(LOW, HIGH, ATOMS)
    probability = jax.nn.softmax(jax.random.normal(jax.random.key(0), (20, ATOMS)))
    inside = 1.3 + 0.4 * values[None] + jnp.zeros((20, 1))
    made = action_values.project(probability, inside, LOW, HIGH)
    before = np.sum(probability * inside, axis=1)
    np.testing.assert_allclose(np.sum(made * values, axis=1), before, atol=1e-5)
    outside = action_values.project(probability, inside + 9.0, LOW, HIGH)
    assert np.all(np.sum(outside * values, axis=1) < before + 8.0)


def test_a_certain_return_is_its_own_mean() -> None:
    values = action_values.support(LOW, HIGH, ATOMS)
    logits = jnp.where(jnp.arange(ATOMS) == 3, 50.0, 0.0)
    assert float(action_values.expectation(logits, values)) == pytest.approx(float(values[3]))
    target = jax.nn.one_hot(3, ATOMS)
    assert float(action_values.cross_entropy(logits, target)) == pytest.approx(0.0, abs=1e-6)
    assert float(action_values.cross_entropy(logits, jax.nn.one_hot(4, ATOMS))) > 40
