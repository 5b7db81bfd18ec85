"""Transformer blocks: attention and dense layers, for training and for generation."""

from __future__ import annotations

import flax.linen as nn
import jax

from research.layers.attention import Cache, MultiHeadAttention
from research.layers.dropout import dropout


class Block(nn.Module):
    """Attention to itself, to a memory where there is one, and two dense layers; each added on.

    Layers are normalised before they are computed (Xiong et al. 2020, arXiv 2002.04745): so trained
    without a warm-up.

    Attributes:
        heads: of every attention.
        hidden: units of the first of the two dense layers.
        causal: whether a step attends to no later one.
        rotary: whether positions are encoded by rotation.

    Source: Vaswani et al. 2017 (arXiv 1706.03762), section 3.1.
    """

    heads: int
    hidden: int
    causal: bool = False
    rotary: bool = False

    @nn.compact
    def __call__(
        self,
        inputs: jax.Array,
        mask: jax.Array | None = None,
        cache: Cache | None = None,
        memory: jax.Array | None = None,
        memory_mask: jax.Array | None = None,
        training: bool = False,
        dropout_rate: jax.Array | float = 0.0,
    ) -> tuple[jax.Array, Cache | None, jax.Array | None]:
        """Outputs like `inputs`, the cache afterwards, and the weights on the memory.

        Args:
            inputs: float32 `[batch, time, width]`.
            mask: bool `[batch, time]`, False at padding; None for none.
            cache: of the steps before; none if None.
            memory: float32 `[batch, keys, any]`, of an encoder; none if None.
            memory_mask: bool `[batch, keys]`, False at its padding.
            training: whether to drop, by the stream "dropout".
            dropout_rate: share of each residual branch that is dropped.
        """

        def added(outputs: jax.Array) -> jax.Array:
            if not training:
                return outputs
            return dropout(outputs, dropout_rate, self.make_rng("dropout"))

        attention = MultiHeadAttention(self.heads, self.causal, self.rotary, name="attention")
        read, _, cache = attention(nn.LayerNorm()(inputs), mask=mask, cache=cache)
        inputs, weights = inputs + added(read), None
        if memory is not None:
            query = nn.LayerNorm()(inputs)
            read, weights, _ = MultiHeadAttention(self.heads, name="memory")(
                query, memory, memory_mask
            )
            inputs = inputs + added(read)
        hidden = nn.Dense(self.hidden)(nn.LayerNorm()(inputs))
        hidden = nn.gelu(hidden, approximate=False)
        return inputs + added(nn.Dense(inputs.shape[-1])(hidden)), cache, weights
