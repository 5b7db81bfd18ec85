"""Classifiers of sequences: tokens -> the logit of the positive class."""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from research.data.text import PADDING, UNKNOWN
from research.layers.dropout import dropout
from research.layers.recurrent import RecurrentLayers
from research.layers.transformer import Block


class BagOfWords(nn.Module):
    """A weight for each token that a text holds, added up.

    A product with a vector as long as the vocabulary, of which only the entries of 1 are computed.

    Attributes:
        vocabulary: how many different tokens there are.
    """

    vocabulary: int

    @nn.compact
    def __call__(
        self,
        tokens: jax.Array,
        training: bool = False,
        dropout_rate: jax.Array | float = 0.0,
        word_dropout_rate: jax.Array | float = 0.0,
    ) -> jax.Array:
        """Logits float32 `[batch]` of tokens int `[batch, most]`, each once, padded.

        In training a share of the tokens is dropped, by the stream "dropout"; nothing else is left
        to drop.
        """
        del dropout_rate
        present = (tokens != PADDING).astype(jnp.float32)
        if training:
            present = dropout(present, word_dropout_rate, self.make_rng("dropout"))
        weight = self.param("weight", nn.initializers.zeros, (self.vocabulary,), jnp.float32)
        bias = self.param("bias", nn.initializers.zeros, (), jnp.float32)
        return jnp.sum(weight[tokens] * present, axis=-1) + bias


class WordReader(nn.Module):
    """Nets over embedded words: words -> embeddings -> features -> a logit.

    Attributes:
        vocabulary: how many different words there are.
        embedding: width of a word's learned embedding.
        deviation: of these at the start.
    """

    vocabulary: int
    embedding: int
    deviation: float = 0.1

    @nn.compact
    def __call__(
        self,
        tokens: jax.Array,
        training: bool = False,
        dropout_rate: jax.Array | float = 0.0,
        word_dropout_rate: jax.Array | float = 0.0,
    ) -> jax.Array:
        """Logits float32 `[batch]`.

        Args:
            tokens: int `[batch, length]`, padded at the end.
            training: whether to drop, by the stream "dropout".
            dropout_rate: share dropped of embedded words, and of the features.
            word_dropout_rate: share of the words taken for unknown (Iyyer et al. 2015, "Deep
                Unordered Composition", section 3.1, where they are left out).
        """
        mask = tokens != PADDING

        def dropped(values: jax.Array) -> jax.Array:
            if not training:
                return values
            return dropout(values, dropout_rate, self.make_rng("dropout"))

        if training:
            drawn = jax.random.uniform(self.make_rng("dropout"), tokens.shape)
            tokens = jnp.where((drawn < word_dropout_rate) & mask, UNKNOWN, tokens)
        start = nn.initializers.normal(self.deviation)
        embedded = dropped(nn.Embed(self.vocabulary, self.embedding, embedding_init=start)(tokens))
        features = self.read(embedded, mask, training=training, dropout_rate=dropout_rate)
        return nn.Dense(1, name="logit")(dropped(features))[:, 0]

    def read(self, embedded: jax.Array, mask: jax.Array, **dropping: Any) -> jax.Array:
        """Features float32 `[batch, any]` of words float32 `[batch, length, embedding]`.

        The mask is False at padding; `dropping` are `training` and `dropout_rate`, for layers
        within.
        """
        raise NotImplementedError


class MeanEmbedding(WordReader):
    """The mean of the embedded words."""

    def read(self, embedded: jax.Array, mask: jax.Array, **dropping: Any) -> jax.Array:
        """The mean over words, without padding."""
        del dropping
        return masked_mean(embedded, mask)


class RecurrentReader(WordReader):
    """The last hidden states of recurrent layers.

    Attributes:
        cell: name of a kind in `research.layers.cells.CELLS`.
        units: of each layer.
        bidirectional: whether each is two, one of which reads backwards.
        masked: whether padding is skipped; else it is read like words, after the text.
    """

    cell: str = "gru"
    units: tuple[int, ...] = (64,)
    bidirectional: bool = False
    masked: bool = True

    def read(self, embedded: jax.Array, mask: jax.Array, **dropping: Any) -> jax.Array:
        """The hidden states of the last layer after the last word that each direction reads."""
        layers = RecurrentLayers(self.cell, self.units, self.bidirectional)
        _, states = layers(embedded, mask=mask if self.masked else None, **dropping)
        directions = 2 if self.bidirectional else 1
        return jnp.concatenate([state[0] for state in states[-directions:]], axis=-1)


class TransformerReader(WordReader):
    """The mean of the outputs of transformer blocks.

    Attributes:
        layers: blocks.
        heads: of every attention; pairs of coordinates of each are rotated by the position.
    """

    layers: int = 1
    heads: int = 2

    def read(self, embedded: jax.Array, mask: jax.Array, **dropping: Any) -> jax.Array:
        """The mean over words, without padding, after a layer normalisation."""
        for _ in range(self.layers):
            block = Block(self.heads, 4 * self.embedding, rotary=True)
            embedded, _, _ = block(embedded, mask, **dropping)
        return masked_mean(nn.LayerNorm()(embedded), mask)


def masked_mean(values: jax.Array, mask: jax.Array) -> jax.Array:
    """The mean over time where the mask holds, float32 `[batch, features]`; 0 where it never does.

    Values are float32 `[batch, time, features]`, the mask bool `[batch, time]`.
    """
    total = jnp.sum(jnp.where(mask[..., None], values, 0.0), axis=1)
    return total / jnp.maximum(jnp.sum(mask, axis=1), 1)[:, None].astype(values.dtype)
