"""Transformers: blocks of attention and dense layers, for training and for writing."""

from __future__ import annotations

from collections.abc import Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp

from research.layers.dropout import dropout
from research.sequence.attention import Cache, MultiHeadAttention, empty_cache


class Block(nn.Module):
    """Attention to itself, to a memory where there is one, and two dense layers; each added on.

    Layers are normalised before they are computed (Xiong et al. 2020, arXiv 2002.04745): so trained
    without a warm-up.

    Attributes:
        heads: of every attention.
        hidden: units of the first of the two dense layers.
        causal: whether a step sees no later one.
        rotary: whether steps know where they are by rotation.

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
            mask: bool `[batch, time]`, which of them are there; all if None.
            cache: of the steps before; none if None.
            memory: float32 `[batch, keys, any]`, of an encoder; none if None.
            memory_mask: bool `[batch, keys]`, which of that is there.
            training: whether to drop, by the stream "dropout".
            dropout_rate: share of what each part adds that is dropped.
        """

        def added(outputs: jax.Array) -> jax.Array:
            if not training:
                return outputs
            return dropout(outputs, dropout_rate, self.make_rng("dropout"))

        attention = MultiHeadAttention(self.heads, self.causal, self.rotary, name="attention")
        read, _, cache = attention(nn.LayerNorm()(inputs), mask=mask, cache=cache)
        inputs, weights = inputs + added(read), None
        if memory is not None:
            asked = nn.LayerNorm()(inputs)
            read, weights, _ = MultiHeadAttention(self.heads, name="memory")(
                asked, memory, memory_mask
            )
            inputs = inputs + added(read)
        hidden = nn.Dense(self.hidden)(nn.LayerNorm()(inputs))
        hidden = nn.gelu(hidden, approximate=False)
        return inputs + added(nn.Dense(inputs.shape[-1])(hidden)), cache, weights


class CharacterTransformer(nn.Module):
    """Characters -> causal blocks -> logits of the character after each.

    Steps know where they are by rotation, so that a text may be longer than those it was trained
    on; then each layer sees `context` steps back.

    Attributes:
        symbols: characters in the vocabulary.
        layers: blocks.
        width: of every layer.
        heads: of every attention.
        context: steps that are remembered when it writes.
    """

    symbols: int
    layers: int
    width: int
    heads: int
    context: int

    @nn.compact
    def __call__(
        self,
        numbers: jax.Array,
        states: Sequence[Cache] | None = None,
        training: bool = False,
        dropout_rate: jax.Array | float = 0.0,
    ) -> tuple[jax.Array, tuple[Cache, ...]]:
        """Logits float32 `[batch, time, symbols]`, and what is remembered afterwards.

        Args:
            numbers: int `[batch, time]`, of characters.
            states: of each layer, of the characters before; none if None, and none afterwards.
            training: whether to drop, by the stream "dropout".
            dropout_rate: share dropped of what is embedded, and of what each part of a block adds.
        """
        embed = nn.Embed(self.symbols, self.width, embedding_init=nn.initializers.normal(0.02))
        hidden = embed(numbers)
        if training:
            hidden = dropout(hidden, dropout_rate, self.make_rng("dropout"))
        after: list[Cache] = []
        for layer in range(self.layers):
            block = Block(self.heads, 4 * self.width, causal=True, rotary=True)
            cache = None if states is None else states[layer]
            hidden, cache, _ = block(
                hidden, cache=cache, training=training, dropout_rate=dropout_rate
            )
            if cache is not None:
                after.append(cache)
        # The embedding's rows are the logits' too (Press and Wolf 2017, arXiv 1608.05859).
        return embed.attend(nn.LayerNorm()(hidden)), tuple(after)

    def resting(self, batch: int) -> tuple[Cache, ...]:
        """Caches of all layers of nothing, for so many texts."""
        depth = self.width // self.heads
        one = empty_cache(batch, self.heads, self.context, depth)
        return tuple(jax.tree.map(jnp.copy, one) for _ in range(self.layers))
