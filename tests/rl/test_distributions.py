"""Distributions of actions against their definitions, SciPy, integrals, and what is drawn."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from research.rl.distributions import Categorical, Gaussian, SquashedGaussian, draw_noise, log_slope
from research.rl.environments.interface import Box, Discrete
from tests.rl.continuous import UNIT


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


CASES = [(0.0, 0.5), (1.2, 0.3), (-0.7, 1.0), (0.4, 2.0)]


def single(mean: float, deviation: float) -> SquashedGaussian:
    return SquashedGaussian(jnp.array([mean]), jnp.log(jnp.array([deviation])))


@pytest.mark.parametrize(("mean", "deviation"), CASES)
def test_the_density_is_the_slope_of_the_distribution(mean: float, deviation: float) -> None:
    said = single(mean, deviation)
    for action in (-0.9, -0.2, 0.5, 0.95):
        ends = np.arctanh(np.array([action - 1e-6, action + 1e-6]))
        slope = np.diff(stats.norm(mean, deviation).cdf(ends))[0] / 2e-6
        told = float(said.log_probability(jnp.array([action])))
        assert told == pytest.approx(np.log(slope), abs=2e-3)
        # The control: without the change of variables it is another number.
        unsquashed = Gaussian(*said).log_probability(jnp.arctanh(jnp.array([action])))
        assert abs(float(unsquashed) - np.log(slope)) > 0.03


@pytest.mark.parametrize(("mean", "deviation"), CASES)
def test_entropy_against_an_integral(mean: float, deviation: float) -> None:
    normal = stats.norm(mean, deviation)

    def surprise(u: float) -> float:
        slope = 2 * (np.log(2) - u - np.log1p(np.exp(-2 * u)))
        return -normal.pdf(u) * (normal.logpdf(u) - slope)

    exact = integrate.quad(surprise, mean - 12 * deviation, mean + 12 * deviation, limit=200)[0]
    assert float(single(mean, deviation).entropy()) == pytest.approx(exact, abs=1e-3)
    assert abs(float(Gaussian(*single(mean, deviation)).entropy()) - exact) > 0.05


def test_an_action_and_its_density_agree_and_dimensions_add() -> None:
    keys = jax.random.split(jax.random.key(0), 3)
    mean, noise = (jax.random.normal(key, (100, 3)) for key in keys[:2])
    said = SquashedGaussian(0.5 * mean, jax.random.uniform(keys[2], (100, 3), minval=-2))
    action, told = said.sample_with_log_probability(noise)
    np.testing.assert_array_equal(action, said.sample(noise))
    inside = np.abs(action).max(-1) < 0.99
    np.testing.assert_allclose(
        told[inside], said.log_probability(action)[inside], atol=2e-3, rtol=1e-3
    )
    each = sum(
        SquashedGaussian(
            said.mean[:, i : i + 1], said.log_deviation[:, i : i + 1]
        ).sample_with_log_probability(noise[:, i : i + 1])[1]
        for i in range(3)
    )
    np.testing.assert_allclose(told, each, rtol=1e-4, atol=1e-4)


def test_it_is_finite_where_tanh_rounds_to_one() -> None:
    far = jnp.array([-40.0, -12.0, 12.0, 40.0])
    np.testing.assert_allclose(log_slope(far), np.log(4.0) - 2 * np.abs(far), rtol=1e-5)
    # The control: there the plain formula takes the logarithm of 0.
    assert 1.0 - np.square(np.tanh(np.float32(12.0))) == 0.0

    def density(mean: jax.Array) -> jax.Array:
        said = SquashedGaussian(mean[None], jnp.zeros(1))
        return said.sample_with_log_probability(jnp.ones(1))[1]

    for mean in (-30.0, 30.0):
        value, slope = jax.value_and_grad(density)(jnp.float32(mean))
        assert np.isfinite(value) and np.isfinite(slope)
    for edge in (-1.0, 1.0):
        assert np.isfinite(single(0.0, 1.0).log_probability(jnp.array([edge])))


def test_what_is_drawn_is_as_its_density_says() -> None:
    said = SquashedGaussian(jnp.full((20_000, 1), 0.5), jnp.zeros((20_000, 1)))
    drawn = said.sample(draw_noise(jax.random.key(0), UNIT, (20_000,)))[:, 0]
    assert stats.kstest(np.arctanh(drawn), stats.norm(0.5, 1).cdf).pvalue > 0.01
    assert stats.kstest(np.arctanh(drawn), stats.norm(0.4, 1).cdf).pvalue < 1e-6
    np.testing.assert_allclose(said.mode()[0], np.tanh(0.5), rtol=1e-6)
