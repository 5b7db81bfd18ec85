"""A transformer for translation: an encoder that reads a sequence, a decoder that writes one."""

from __future__ import annotations

from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from research.data.text import PADDING
from research.layers.attention import Cache, sinusoids
from research.layers.dropout import dropout
from research.layers.transformer import Block


class Encoded(NamedTuple):
    """An encoded sequence, as the decoder reads it.

    Attributes:
        outputs: of the encoder, float32 `[batch, keys, width]`.
        mask: bool `[batch, keys]`, False at padding.
    """

    outputs: jax.Array
    mask: jax.Array


class TransformerTranslator(nn.Module):
    """Blocks that attend to all of the source, and causal blocks that attend to these, too.

    Attributes:
        source_vocabulary: of the sequence that is read; `PADDING` pads it and changes nothing.
        target_vocabulary: of the one that is written.
        width: of every layer; even.
        heads: of every attention; they divide the width.
        hidden: units of the first of a block's two dense layers.
        blocks: of each of the two.
        context: tokens of the longest target.

    Source: Vaswani et al. 2017 (arXiv 1706.03762), section 3, normalised before each layer.
    """

    source_vocabulary: int
    target_vocabulary: int
    width: int
    heads: int
    hidden: int
    blocks: int
    context: int

    def setup(self) -> None:
        """Embeddings, blocks, logits."""
        start = nn.initializers.normal(0.02)
        self.embed_source = nn.Embed(self.source_vocabulary, self.width, embedding_init=start)
        self.embed_target = nn.Embed(self.target_vocabulary, self.width, embedding_init=start)
        self.readers = [Block(self.heads, self.hidden) for _ in range(self.blocks)]
        self.writers = [Block(self.heads, self.hidden, causal=True) for _ in range(self.blocks)]
        self.normalise_read, self.normalise_written = nn.LayerNorm(), nn.LayerNorm()
        self.logits = nn.Dense(self.target_vocabulary)

    def __call__(
        self,
        source: jax.Array,
        previous: jax.Array,
        training: bool = False,
        dropout_rate: jax.Array | float = 0.0,
    ) -> tuple[jax.Array, jax.Array]:
        """As `EncoderDecoder`; weights are those of the last block, the mean over its heads.

        Dropped, by the stream "dropout": a share of the embeddings and of each residual branch.
        """
        encoded, _ = self.encode(source, training, dropout_rate)
        hidden = self._placed(self.embed_target(previous), jnp.int32(0))
        hidden = self._dropped(hidden, training, dropout_rate)
        for block in self.writers:
            hidden, _, weights = block(
                hidden,
                memory=encoded.outputs,
                memory_mask=encoded.mask,
                training=training,
                dropout_rate=dropout_rate,
            )
        return self.logits(self.normalise_written(hidden)), jnp.mean(weights, axis=1)

    def encode(
        self, source: jax.Array, training: bool = False, dropout_rate: jax.Array | float = 0.0
    ) -> tuple[Encoded, tuple[tuple[jax.Array, jax.Array], ...]]:
        """The encoded sequence, int `[batch, keys]`, and empty keys and values of the target."""
        mask = source != PADDING
        hidden = self._placed(self.embed_source(source), jnp.int32(0))
        hidden = self._dropped(hidden, training, dropout_rate)
        for block in self.readers:
            hidden, _, _ = block(hidden, mask, training=training, dropout_rate=dropout_rate)
        shape = source.shape[0], self.heads, self.context, self.width // self.heads
        empty = tuple((jnp.zeros(shape), jnp.zeros(shape)) for _ in range(self.blocks))
        return Encoded(self.normalise_read(hidden), mask), empty

    def step(
        self,
        encoded: Encoded,
        memory: tuple[tuple[jax.Array, jax.Array], ...],
        token: jax.Array,
        place: jax.Array,
    ) -> tuple[tuple[tuple[jax.Array, jax.Array], ...], jax.Array, jax.Array]:
        """As `EncoderDecoder.step`, of the token at a place."""
        hidden, after = self._placed(self.embed_target(token)[:, None], place), []
        for block, (keys, values) in zip(self.writers, memory, strict=True):
            hidden, cache, weights = block(
                hidden,
                cache=Cache(keys, values, place),
                memory=encoded.outputs,
                memory_mask=encoded.mask,
            )
            after.append((cache.keys, cache.values))
        logits = self.logits(self.normalise_written(hidden[:, 0]))
        return tuple(after), logits, jnp.mean(weights, axis=1)[:, 0]

    def _placed(self, embedded: jax.Array, place: jax.Array) -> jax.Array:
        """Embeddings scaled to the size of the positions (section 3.4), which are added."""
        time = embedded.shape[1]
        positions = sinusoids(max(self.context, time), self.width)
        shift = jax.lax.dynamic_slice_in_dim(positions, place, time)
        return embedded * self.width**0.5 + shift

    def _dropped(
        self, hidden: jax.Array, training: bool, dropout_rate: jax.Array | float
    ) -> jax.Array:
        return dropout(hidden, dropout_rate, self.make_rng("dropout")) if training else hidden
