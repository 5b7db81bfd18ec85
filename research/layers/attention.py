"""Attention: each query reads from values, weighted by how well their keys fit it."""

from __future__ import annotations

from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int


def attention_weights(
    scores: Float[Array, "*batch queries keys"], mask: Bool[Array, " ..."] | None = None
) -> Float[Array, "*batch queries keys"]:
    """The weight of each value for a query: a softmax over the keys that it may attend to.

    Args:
        scores: how well each key fits each query.
        mask: broadcastable to `scores`, which keys a query may attend to; all if None.

    Returns:
        Weights, of sum 1 for each query; 0 where there is none.
    """
    if mask is None:
        return jax.nn.softmax(scores)
    mask = jnp.broadcast_to(mask, scores.shape)
    some = jnp.any(mask, axis=-1, keepdims=True)
    return jnp.where(mask, jax.nn.softmax(jnp.where(mask | ~some, scores, -jnp.inf)), 0.0)


def dot_product_attention(
    query: Float[Array, "*batch queries depth"],
    key: Float[Array, "*batch keys depth"],
    value: Float[Array, "*batch keys width"],
    mask: Bool[Array, " ..."] | None = None,
) -> tuple[Float[Array, "*batch queries width"], Float[Array, "*batch queries keys"]]:
    """Σ_k softmax_k(q·k / √depth) v_k, and the weights; the mask is as `attention_weights` has it.

    Source: Vaswani et al. 2017 (arXiv 1706.03762), eq. 1.
    """
    scores = query @ jnp.swapaxes(key, -1, -2) / query.shape[-1] ** 0.5
    weights = attention_weights(scores, mask)
    return weights @ value, weights


class AdditiveAttention(nn.Module):
    """Scores vᵀ tanh(W q + U k).

    Attributes:
        units: of the hidden layer.

    Source: Bahdanau et al. 2015 (arXiv 1409.0473), section A.1.2.
    """

    units: int

    def setup(self) -> None:
        """Three linear maps."""
        self.query = nn.Dense(self.units)
        self.key = nn.Dense(self.units, use_bias=False)
        self.score = nn.Dense(1, use_bias=False)

    def __call__(
        self, query: jax.Array, memory: jax.Array, mask: jax.Array | None = None
    ) -> tuple[jax.Array, jax.Array]:
        """The values read from the memory, `[batch, queries, width]`, and the weights.

        Args:
            query: float32 `[batch, queries, features]`.
            memory: float32 `[batch, keys, width]`, keys and values in one.
            mask: bool `[batch, keys]`, False at padding; None for none.
        """
        return self.read(query, memory, self.project_keys(memory), mask)

    def project_keys(self, memory: jax.Array) -> jax.Array:
        """The keys of the memory, `[batch, keys, units]`: the same for every query."""
        return self.key(memory)

    def read(
        self, query: jax.Array, memory: jax.Array, keys: jax.Array, mask: jax.Array | None = None
    ) -> tuple[jax.Array, jax.Array]:
        """As `__call__`, with the keys of `project_keys`: for queries that come one by one."""
        hidden = jnp.tanh(self.query(query)[:, :, None] + keys[:, None])
        scores = self.score(hidden)[..., 0]
        weights = attention_weights(scores, None if mask is None else mask[:, None])
        return weights @ memory, weights


class MultiplicativeAttention(nn.Module):
    """Scores qᵀ W k ("general"), or qᵀ k where query and memory are equally wide ("dot").

    Attributes:
        general: whether there is a W.

    Source: Luong et al. 2015 (arXiv 1508.04025), section 3.1.
    """

    general: bool = True

    @nn.compact
    def read(
        self, query: jax.Array, memory: jax.Array, keys: jax.Array, mask: jax.Array | None = None
    ) -> tuple[jax.Array, jax.Array]:
        """As `AdditiveAttention.read`."""
        if self.general:
            query = nn.Dense(memory.shape[-1], use_bias=False, name="general")(query)
        scores = query @ jnp.swapaxes(keys, -1, -2)
        weights = attention_weights(scores, None if mask is None else mask[:, None])
        return weights @ memory, weights

    def __call__(
        self, query: jax.Array, memory: jax.Array, mask: jax.Array | None = None
    ) -> tuple[jax.Array, jax.Array]:
        """As `AdditiveAttention`."""
        return self.read(query, memory, self.project_keys(memory), mask)

    def project_keys(self, memory: jax.Array) -> jax.Array:
        """The memory itself is the keys, `[batch, keys, width]`."""
        return memory


class Cache(NamedTuple):
    """Keys and values of the steps before, for generation.

    Attributes:
        keys: float32 `[batch, heads, context, depth]`, the newest last.
        values: of the same shape.
        steps: int32 scalar, steps so far.
    """

    keys: jax.Array
    values: jax.Array
    steps: jax.Array


def empty_cache(batch: int, heads: int, context: int, depth: int) -> Cache:
    """An empty cache with room for `context` steps."""
    shape = batch, heads, context, depth
    return Cache(jnp.zeros(shape), jnp.zeros(shape), jnp.int32(0))


def rotate(
    vectors: Float[Array, "*batch time depth"], position: Int[Array, " time"]
) -> Float[Array, "*batch time depth"]:
    """Rotary positions: each pair of coordinates turned by an angle that grows with the position.

    Products of two rotated vectors, of an even depth, depend on how far apart they are alone.

    Source: Su et al. 2021 (arXiv 2104.09864), eq. 34, its halves side by side.
    """
    half = vectors.shape[-1] // 2
    rate = 10_000.0 ** (-jnp.arange(half) / half)
    angle = position[:, None] * rate
    cosine, sine = jnp.cos(angle), jnp.sin(angle)
    first, second = vectors[..., :half], vectors[..., half:]
    turned = first * cosine - second * sine, first * sine + second * cosine
    return jnp.concatenate(turned, axis=-1)


def sinusoids(time: int, width: int) -> Float[Array, "time width"]:
    """Sinusoidal positions: sines of falling frequency, then cosines.

    Source: Vaswani et al. 2017 (arXiv 1706.03762), section 3.5, its halves side by side.
    """
    half = width // 2
    rate = 10_000.0 ** (-jnp.arange(half) / half)
    angle = jnp.arange(time)[:, None] * rate
    return jnp.concatenate([jnp.sin(angle), jnp.cos(angle)], axis=-1)


class MultiHeadAttention(nn.Module):
    """Several attentions side by side, each of its own projections.

    Attributes:
        heads: how many; they divide the width.
        causal: whether a query attends to no later key.
        rotary: whether queries and keys are rotated by their positions.

    Source: Vaswani et al. 2017 (arXiv 1706.03762), section 3.2.2.
    """

    heads: int
    causal: bool = False
    rotary: bool = False

    @nn.compact
    def __call__(
        self,
        inputs: jax.Array,
        memory: jax.Array | None = None,
        mask: jax.Array | None = None,
        cache: Cache | None = None,
    ) -> tuple[jax.Array, jax.Array, Cache | None]:
        """Outputs, weights `[batch, heads, queries, keys]`, and the cache afterwards.

        Args:
            inputs: float32 `[batch, queries, width]`.
            memory: float32 `[batch, keys, any]`, attended to; the inputs if None.
            mask: bool `[batch, keys]`, False at its padding; None for none.
            cache: of the steps before, which are attended to as well; none if None. The oldest are
                forgotten.
        """
        batch, queries, width = inputs.shape
        source = inputs if memory is None else memory
        steps = jnp.int32(0) if cache is None else cache.steps

        def project(name: str, values: jax.Array) -> jax.Array:
            projected = nn.Dense(width, name=name)(values)
            split = projected.reshape(batch, -1, self.heads, width // self.heads)
            return jnp.swapaxes(split, 1, 2)

        query, key, value = (
            project(name, values)
            for name, values in (("query", inputs), ("key", source), ("value", source))
        )
        place = steps + jnp.arange(queries)
        keys_place = place if memory is None else jnp.arange(source.shape[1])
        if self.rotary:
            query, key = rotate(query, place), rotate(key, keys_place)
        allowed = None if mask is None else mask[:, None, None]
        if cache is not None:
            context = cache.keys.shape[2]
            key = jnp.concatenate([cache.keys, key], axis=2)
            value = jnp.concatenate([cache.values, value], axis=2)
            keys_place = steps - context + jnp.arange(context + queries)
            cache = Cache(key[:, :, -context:], value[:, :, -context:], steps + queries)
            filled = keys_place >= 0
            allowed = filled if allowed is None else filled & allowed
        if self.causal:
            past = keys_place <= place[:, None]
            allowed = past if allowed is None else past & allowed
        read, weights = dot_product_attention(query, key, value, allowed)
        joined = jnp.swapaxes(read, 1, 2).reshape(batch, queries, width)
        return nn.Dense(width, name="output")(joined), weights, cache
