"""Layers, an activation and an initialiser written by hand: pure functions of their parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import jax
import jax.numpy as jnp

from research.engine.experiment import Key

Params: TypeAlias = dict[str, jax.Array]
"""Name -> array, of one layer."""


def glorot_normal(key: Key, shape: tuple[int, int]) -> jax.Array:
    """Weights `[inputs, units]` of variance 2 / (inputs + units), normal, cut at two deviations.

    Source: Glorot and Bengio 2010, "Understanding the difficulty of training deep feedforward
    neural networks", equation 12; the cut is that of TensorFlow, and of JAX after it.
    """
    inputs, units = shape
    # Without the two tails the deviation of a standard normal number is so much smaller.
    deviation = (2.0 / (inputs + units)) ** 0.5 / 0.87962566103423978
    return deviation * jax.random.truncated_normal(key, -2.0, 2.0, shape)


def init_dense(key: Key, inputs: int, units: int) -> Params:
    """The parameters of `dense`."""
    return {"kernel": glorot_normal(key, (inputs, units)), "bias": jnp.zeros(units)}


def dense(params: Mapping[str, jax.Array], x: jax.Array) -> jax.Array:
    """X W + b: `[..., inputs]` -> `[..., units]`."""
    return x @ params["kernel"] + params["bias"]


def init_norm(features: int) -> Params:
    """The parameters of `layer_norm`."""
    return {"scale": jnp.ones(features), "bias": jnp.zeros(features)}


def layer_norm(params: Mapping[str, jax.Array], x: jax.Array, epsilon: float = 1e-6) -> jax.Array:
    """α (x - μ) / √(σ² + ε) + β, with μ and σ² over the features of each example by itself.

    Args:
        params: `scale` α and `bias` β, `[features]`.
        x: `[..., features]`.
        epsilon: ε; flax's default, Keras has 1e-3.

    Source: Ba, Kiros and Hinton 2016 (arXiv 1607.06450), equation 4.
    """
    off = x - jnp.mean(x, axis=-1, keepdims=True)
    variance = jnp.mean(off**2, axis=-1, keepdims=True)
    return params["scale"] * off / jnp.sqrt(variance + epsilon) + params["bias"]


def stable_softplus(x: jax.Array) -> jax.Array:
    """log(1 + eˣ) as max(x, 0) + log(1 + e^-|x|), which overflows nowhere.

    Its derivative by JAX is wrong at 0, where both terms have a kink that the sum has not.
    """
    return jnp.maximum(x, 0.0) + jnp.log1p(jnp.exp(-jnp.abs(x)))


@jax.custom_jvp
def softplus(x: jax.Array) -> jax.Array:
    """The activation log(1 + eˣ), with a derivative of its own."""
    return stable_softplus(x)


@softplus.defjvp
def _softplus_jvp(at: tuple[jax.Array], tangents: tuple[jax.Array]) -> tuple[jax.Array, jax.Array]:
    """The derivative 1 / (1 + e^-x)."""
    (x,), (tangent,) = at, tangents
    return softplus(x), jax.nn.sigmoid(x) * tangent
