"""PPO's loss terms against independent float64 references, and their gradients where known."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from research.rl import losses


def _slow_surrogate(log_ratio, advantage, clip_range):
    """Eq. 7 by cases: a gain counts up to the clip, a loss in full."""
    ratio = np.exp(np.float64(log_ratio))
    if advantage >= 0:
        return -advantage * min(ratio, 1 + clip_range)
    return -advantage * max(ratio, 1 - clip_range)


@settings(max_examples=100, deadline=None)
@given(
    log_ratio=st.floats(-2, 2, width=32),
    advantage=st.floats(-5, 5, width=32),
    clip_range=st.floats(0.0625, 0.5, width=32),
)
def test_clipped_surrogate(log_ratio, advantage, clip_range):
    actual = losses.clipped_surrogate(jnp.float32(log_ratio), jnp.float32(advantage), clip_range)
    expected = _slow_surrogate(log_ratio, advantage, clip_range)
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("ratio", "advantage", "slope"),
    [
        (1.0, 2.0, -2.0),  # inside: the plain policy gradient, -r A
        (1.5, 2.0, 0.0),  # gained enough: no more pull
        (0.5, -2.0, 0.0),
        (1.5, -2.0, 3.0),  # went the wrong way: pulled back in full
        (0.5, 2.0, -1.0),
    ],
)
def test_gradient_of_the_clipped_surrogate(ratio, advantage, slope):
    gradient = jax.grad(losses.clipped_surrogate)(jnp.log(ratio), jnp.float32(advantage), 0.2)
    np.testing.assert_allclose(gradient, slope, rtol=1e-5)


def test_approximate_kl_is_the_divergence_on_average():
    """Summed over the old policy's actions it is KL(old, new) exactly, and never negative."""
    old, new = np.random.default_rng(0).dirichlet(np.ones(4), size=(2, 7))
    log_ratio = np.log(new) - np.log(old)
    estimate = np.asarray(losses.approximate_kl(jnp.asarray(log_ratio, jnp.float32)))
    assert (estimate >= 0).all()
    divergence = (old * (np.log(old) - np.log(new))).sum(-1)
    np.testing.assert_allclose((old * estimate).sum(-1), divergence, rtol=1e-4)


def test_normalised():
    values = np.random.default_rng(0).normal(3, 5, 64).astype(np.float32)
    expected = (values - values.mean()) / values.std()
    np.testing.assert_allclose(losses.normalise(values), expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(losses.normalise(np.full(8, 2.5, np.float32)), 0)


def test_value_error():
    np.testing.assert_allclose(losses.value_error(jnp.float32(3), jnp.float32(1)), 4)


def _slow_clipped_value_error(value, target, old_value, clip_range):
    """By cases: on the far side of the clip only what is further off than the clip counts."""
    value, target, old_value = map(np.float64, (value, target, old_value))
    if value > old_value + clip_range:
        edge = old_value + clip_range
    elif value < old_value - clip_range:
        edge = old_value - clip_range
    else:
        return (value - target) ** 2
    further = abs(edge - target) > abs(value - target)
    return (edge - target) ** 2 if further else (value - target) ** 2


@settings(max_examples=100, deadline=None)
@given(
    value=st.floats(-5, 5, width=32),
    target=st.floats(-5, 5, width=32),
    old_value=st.floats(-5, 5, width=32),
    clip_range=st.floats(0.0625, 2, width=32),
)
def test_clipped_value_error(value, target, old_value, clip_range):
    now, aim, before = map(jnp.float32, (value, target, old_value))
    actual = losses.clipped_value_error(now, aim, before, clip_range)
    expected = _slow_clipped_value_error(value, target, old_value, clip_range)
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("value", "slope"),
    [
        (0.1, -1.8),  # within reach: the slope of (V - 1)²
        (0.5, 0.0),  # moved enough towards the target: no more pull
        (-0.5, -3.0),  # the wrong way: pulled back in full
        (1.9, 1.8),  # past the target by more than what is left at the clip: in full again
    ],
)
def test_gradient_of_the_clipped_value_error(value, slope):
    """V was 0, its target is 1, ε is .2."""
    gradient = jax.grad(losses.clipped_value_error)(jnp.float32(value), 1.0, 0.0, 0.2)
    np.testing.assert_allclose(gradient, slope, rtol=1e-5)


def test_clipped_value_error_equals_torch():
    torch = pytest.importorskip("torch", reason="requirements-oracles.txt is not installed")
    value, target, old = np.random.default_rng(0).normal(size=(3, 200)).astype(np.float32)
    ours, slope = jax.vmap(jax.value_and_grad(losses.clipped_value_error), in_axes=(0, 0, 0, None))(
        value, target, old, 0.3
    )
    moved = torch.tensor(value, requires_grad=True)
    near = torch.tensor(old) + (moved - torch.tensor(old)).clamp(-0.3, 0.3)
    theirs = torch.max((moved - torch.tensor(target)) ** 2, (near - torch.tensor(target)) ** 2)
    theirs.sum().backward()
    np.testing.assert_allclose(ours, theirs.detach().numpy(), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(slope, moved.grad.numpy(), rtol=1e-4, atol=1e-5)
