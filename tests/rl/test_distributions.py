"""Distributions of actions against their definitions, SciPy, and what is drawn from them."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from research.rl.distributions import Categorical, Gaussian, draw_noise
from research.rl.environments.environment import Box, Discrete


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), actions=st.integers(1, 6))
def test_numbers_against_their_definition(seed, actions):
    generator = np.random.default_rng(seed)
    logits = generator.normal(scale=3, size=(5, actions)).astype(np.float32)
    action = generator.integers(0, actions, 5)
    exact = np.exp(logits.astype(np.float64))
    probability = exact / exact.sum(-1, keepdims=True)
    chosen = np.log(probability[np.arange(5), action])
    np.testing.assert_allclose(
        Categorical(logits).log_probability(action), chosen, rtol=1e-5, atol=1e-6
    )
    entropy = -(probability * np.log(probability)).sum(-1)
    np.testing.assert_allclose(Categorical(logits).entropy(), entropy, rtol=1e-5, atol=1e-5)


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), dimensions=st.integers(1, 4))
def test_vectors_against_scipy(seed, dimensions):
    generator = np.random.default_rng(seed)
    mean, action = generator.normal(size=(2, 5, dimensions)).astype(np.float32)
    log_deviation = generator.uniform(-1, 1, (5, dimensions)).astype(np.float32)
    said = Gaussian(mean, log_deviation)
    exact = stats.norm(mean.astype(np.float64), np.exp(log_deviation.astype(np.float64)))
    expected = exact.logpdf(action).sum(-1)
    np.testing.assert_allclose(said.log_probability(action), expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(said.entropy(), exact.entropy().sum(-1), rtol=1e-4, atol=1e-4)


def test_what_is_drawn_comes_as_often_as_it_should():
    logits = jnp.log(jnp.array([0.1, 0.6, 0.3]))
    said = Categorical(jnp.broadcast_to(logits, (20_000, 3)))
    drawn = said.sample(draw_noise(jax.random.key(0), Discrete(3), (20_000,)))
    assert drawn.dtype == jnp.int32 and said.mode()[0] == 1
    counts = np.bincount(drawn, minlength=3)
    assert stats.chisquare(counts, [2_000, 12_000, 6_000]).pvalue > 0.01
    assert stats.chisquare(counts).pvalue < 1e-6  # the control: not all alike

    said = Gaussian(jnp.full((20_000, 1), 2.0), jnp.full((20_000, 1), jnp.log(3.0)))
    box = Box(np.zeros(1, np.float32), np.ones(1, np.float32))
    drawn = said.sample(draw_noise(jax.random.key(1), box, (20_000,)))[:, 0]
    assert stats.kstest(drawn, stats.norm(2, 3).cdf).pvalue > 0.01
    assert stats.kstest(drawn, stats.norm(2, 2.7).cdf).pvalue < 1e-6
