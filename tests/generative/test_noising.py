"""Paths, what is predicted on them, and steps back: against closed forms."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from research.generative.diffusion import Diffusion
from research.generative.noising import (
    Parts,
    Place,
    clipped,
    parts_of,
    place_at,
    step_back,
    target_of,
)
from research.options.config import problems_of

pytestmark = pytest.mark.usefixtures("plainly_compiled")
TIMES = np.linspace(0, 1, 21)


@pytest.mark.parametrize("path", ["linear", "cosine", "straight"])
def test_a_path_goes_from_the_image_to_noise(path: Any) -> None:
    place = place_at(path, TIMES)
    assert np.all(np.diff(place.signal) < 0) and np.all(np.diff(place.noise) > 0)
    assert place.signal[0] == pytest.approx(1, abs=1e-6) and place.signal[-1] < 0.011
    whole = place.signal + place.noise if path == "straight" else place.signal**2 + place.noise**2
    np.testing.assert_allclose(whole, 1.0, atol=1e-6)


def test_the_linear_path_is_that_of_a_thousand_steps() -> None:
    shares = np.cumprod(1 - np.linspace(1e-4, 0.02, 1000))
    found = place_at("linear", np.arange(1, 1001) / 1000).signal ** 2
    np.testing.assert_allclose(found, shares, atol=2e-3)


@pytest.mark.parametrize("path", ["linear", "cosine", "straight"])
@pytest.mark.parametrize("target", ["noise", "v", "velocity"])
def test_image_and_noise_follow_from_what_is_predicted(path: Any, target: Any) -> None:
    parts = Parts(*jax.random.normal(jax.random.key(0), (2, 4, 3, 3, 1)))
    place = place_at(path, jnp.asarray([0.1, 0.4, 0.6, 0.9])[:, None, None, None])
    mixed = place.signal * parts.image + place.noise * parts.noise
    found = parts_of(target, target_of(target, parts, place), mixed, place)
    np.testing.assert_allclose(found.image, parts.image, atol=2e-5)
    np.testing.assert_allclose(found.noise, parts.noise, atol=2e-5)
    inside = clipped(found, mixed, place)
    assert np.max(np.abs(inside.image)) <= 1
    np.testing.assert_allclose(
        place.signal * inside.image + place.noise * inside.noise, mixed, atol=1e-5
    )


def test_a_step_that_draws_is_ddpms_posterior() -> None:
    """Its mean and variance as Ho et al. have them in eq. 7, from β, α and their products."""
    shares = np.cumprod(1 - np.linspace(1e-4, 0.02, 1000))
    for t in (1, 500, 999):
        share, before, beta = shares[t], shares[t - 1], 1 - shares[t] / shares[t - 1]
        now, then = (Place(np.sqrt(a), np.sqrt(1 - a)) for a in (share, before))
        parts = Parts(jnp.full(200_000, 0.3), jnp.full(200_000, -0.7))
        mixed = now.signal * parts.image + now.noise * parts.noise
        drawn = step_back(parts, mixed, now, then, 1.0, jax.random.key(0))
        mean = (
            np.sqrt(before) * beta / (1 - share) * parts.image[0]
            + np.sqrt(1 - beta) * (1 - before) / (1 - share) * mixed[0]
        )
        variance = (1 - before) / (1 - share) * beta
        error = 5 * np.sqrt(variance / 200_000)
        assert np.mean(drawn) == pytest.approx(float(mean), abs=error + 1e-6)
        assert np.var(drawn) == pytest.approx(variance, rel=0.02)
        # Without a draw: the same mean of image and noise at less noise.
        plain = step_back(parts, mixed, now, then, 0.0, jax.random.key(0))
        expected = then.signal * 0.3 - then.noise * 0.7
        np.testing.assert_allclose(plain, expected, rtol=1e-5)


def test_on_a_straight_path_a_step_is_eulers() -> None:
    parts = Parts(*jax.random.normal(jax.random.key(0), (2, 5)))
    now, then = (place_at("straight", jnp.float32(t)) for t in (0.7, 0.5))
    mixed = now.signal * parts.image + now.noise * parts.noise
    found = step_back(parts, mixed, now, then, 0.0, jax.random.key(0))
    euler = mixed + (0.5 - 0.7) * (parts.noise - parts.image)
    np.testing.assert_allclose(found, euler, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("path", ["cosine", "straight"])
def test_the_best_prediction_for_a_normal_distribution_leads_back_to_it(path: Any) -> None:
    """Of images x ~ N(m, d²), E[x | x_t] is known: many small steps draw from the distribution."""
    m, d, steps = 0.4, 0.3, 400
    mixed = jax.random.normal(jax.random.key(0), (50_000,))
    for turn in range(steps):
        now, then = (place_at(path, jnp.float32(1 - t / steps)) for t in (turn, turn + 1))
        variance = now.signal**2 * d**2 + now.noise**2
        image = m + now.signal * d**2 / variance * (mixed - now.signal * m)
        noise = (mixed - now.signal * image) / jnp.maximum(now.noise, 1e-6)
        mixed = step_back(Parts(image, noise), mixed, now, then, 0.0, jax.random.key(turn))
    assert np.mean(mixed) == pytest.approx(m, abs=0.02)
    assert np.std(mixed) == pytest.approx(d, rel=0.04)


@pytest.mark.parametrize(
    "config, words",
    [
        (Diffusion(guidance=2.0), "--guidance 2 needs classes to guide by"),
        (Diffusion(path="straight"), "--sampler must be euler or heun on a straight path"),
        (Diffusion(sampler="heun"), "--sampler must be ddim or ddpm on a cosine path"),
        (Diffusion(data_set="digits"), "must be at most 1,280"),
    ],
)
def test_what_cannot_be_is_said(config: Diffusion, words: str) -> None:
    assert any(words in problem for problem in problems_of(config)), problems_of(config)
