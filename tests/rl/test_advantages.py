"""Truncated GAE against a slow reference, closed forms, and properties."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from research.rl.advantages import generalised_advantages

generalised_advantages = jax.jit(generalised_advantages)


def _slow(reward, value, final_value, terminated, truncated, discount, gae_lambda):
    """The definition, A_t = Σ_l (γλ)^l δ_{t+l} within the episode, one sum at a time, float64."""
    steps = len(reward)
    advantages = np.zeros(steps)
    for first in range(steps):
        weight = 1.0
        for t in range(first, steps):
            after = 0.0 if terminated[t] else final_value[t]
            advantages[first] += weight * (reward[t] + discount * after - value[t])
            weight *= discount * gae_lambda
            if terminated[t] or truncated[t]:
                break
    return advantages


def _piece(seed, steps=24):
    generator = np.random.default_rng(seed)
    reward, value, final_value = generator.normal(size=(3, steps)).astype(np.float32)
    kind = generator.integers(0, 6, steps)
    return reward, value, final_value, kind == 0, kind == 1


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    discount=st.floats(0, 1, width=32),
    gae_lambda=st.floats(0, 1, width=32),
)
def test_equals_the_definition(seed, discount, gae_lambda):
    piece = _piece(seed)
    expected = _slow(*piece, discount=discount, gae_lambda=gae_lambda)
    actual = generalised_advantages(*piece, discount=discount, gae_lambda=gae_lambda)
    np.testing.assert_allclose(actual, expected, rtol=2e-4, atol=2e-5)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), cut=st.integers(0, 22), ends=st.booleans())
def test_nothing_flows_back_over_an_ending(seed, cut, ends):
    reward, value, final_value, terminated, truncated = _piece(seed)
    terminated[cut], truncated[cut] = ends, not ends
    before = generalised_advantages(reward, value, final_value, terminated, truncated, 0.9, 0.8)
    later = slice(cut + 1, None)
    reward[later], value[later], final_value[later] = 7.0, -5.0, 3.0
    after = generalised_advantages(reward, value, final_value, terminated, truncated, 0.9, 0.8)
    np.testing.assert_array_equal(before[: cut + 1], after[: cut + 1])
    assert not np.array_equal(before[later], after[later])  # control: the change was felt
    terminated[cut] = truncated[cut] = False
    leaked = generalised_advantages(reward, value, final_value, terminated, truncated, 0.9, 0.8)
    assert not np.allclose(leaked[cut], after[cut])  # control: without an ending it flows


def test_lambda_zero_is_the_temporal_difference_error():
    reward, value, final_value, terminated, truncated = _piece(3)
    expected = reward + 0.9 * np.where(terminated, 0, final_value) - value
    actual = generalised_advantages(reward, value, final_value, terminated, truncated, 0.9, 0.0)
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-6)


def test_lambda_one_is_the_discounted_return():
    """Reward 1, ten steps, terminated: A + V = (1 - γ^(10 - t)) / (1 - γ), whatever V is."""
    value = np.random.default_rng(0).normal(size=10).astype(np.float32)
    final_value = np.append(value[1:], 99.0).astype(np.float32)
    terminated = np.arange(10) == 9
    nowhere = np.zeros(10, bool)
    advantage = generalised_advantages(np.ones(10), value, final_value, terminated, nowhere, 0.9, 1)
    expected = (1 - 0.9 ** (10 - np.arange(10))) / 0.1
    np.testing.assert_allclose(advantage + value, expected, rtol=1e-5)


def test_truncation_bootstraps_and_termination_does_not():
    """Reward 1 for ever has value 1 / (1 - γ) = 10: with that value no step is a surprise, a time
    limit included. Called a termination, the last step falls short by γ·10 = 9, the one before
    by γλ of that, and so on.
    """
    ten = np.full(5, 10.0, np.float32)
    last, nowhere = np.arange(5) == 4, np.zeros(5, bool)
    right = generalised_advantages(np.ones(5), ten, ten, nowhere, last, 0.9, 0.8)
    np.testing.assert_allclose(right, 0, atol=1e-5)
    wrong = generalised_advantages(np.ones(5), ten, ten, last, nowhere, 0.9, 0.8)
    np.testing.assert_allclose(wrong, -9.0 * 0.72 ** np.arange(4, -1, -1), rtol=1e-5)


def test_environments_do_not_mix():
    pieces = [_piece(seed) for seed in range(3)]
    together = generalised_advantages(
        *(jnp.stack(parts, 1) for parts in zip(*pieces, strict=True)), discount=0.9, gae_lambda=0.7
    )
    for index, piece in enumerate(pieces):
        alone = generalised_advantages(*piece, discount=0.9, gae_lambda=0.7)
        np.testing.assert_array_equal(together[:, index], alone)
