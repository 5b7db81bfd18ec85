"""Nets that predict which character comes next: recurrent layers, and a transformer."""

from __future__ import annotations

from collections.abc import Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp

from research.layers.attention import Cache, empty_cache
from research.layers.cells import CELLS
from research.layers.dropout import dropout
from research.layers.recurrence import States
from research.layers.recurrent import RecurrentLayers, resting
from research.layers.transformer import Block


class CharacterNet(nn.Module):
    """Characters -> recurrent layers -> logits of the character after each.

    Attributes:
        vocabulary: how many different characters there are.
        cell: name of a kind in `research.layers.cells.CELLS`.
        units: of each recurrent layer.
        embedding: width of a learned embedding of characters; 0 for unit vectors.
        segment: as `research.layers.recurrent.recurrent` has it; of texts that it divides alone.
    """

    vocabulary: int
    cell: str
    units: tuple[int, ...]
    embedding: int = 0
    segment: int = 0

    @nn.compact
    def __call__(
        self,
        tokens: jax.Array,
        states: Sequence[States] | None = None,
        training: bool = False,
        dropout_rate: jax.Array | float = 0.0,
    ) -> tuple[jax.Array, tuple[States, ...]]:
        """Logits float32 `[batch, time, vocabulary]` and states after the last character.

        Args:
            tokens: int `[batch, time]`, characters.
            states: of each layer before the first of them; 0 if None.
            training: whether to drop units, by the stream "dropout".
            dropout_rate: share of each layer's inputs that are dropped, but for the first's.
        """
        inputs = nn.Embed(self.vocabulary, self.embedding)(tokens) if self.embedding else tokens
        fits = self.segment and tokens.shape[1] % self.segment == 0
        layers = RecurrentLayers(
            self.cell, self.units, vocabulary=self.vocabulary, segment=self.segment if fits else 0
        )
        outputs, after = layers(inputs, states, training=training, dropout_rate=dropout_rate)
        return nn.Dense(self.vocabulary, name="logits")(outputs), after

    def resting(self, batch: int) -> tuple[States, ...]:
        """Initial states of all layers, 0, for so many texts."""
        return tuple(resting(CELLS[self.cell], (batch,), units) for units in self.units)


class CharacterTransformer(nn.Module):
    """Characters -> causal blocks -> logits of the character after each.

    Positions are encoded by rotation, so that a text may be longer than those it was trained on;
    then each layer attends to `context` steps back.

    Attributes:
        vocabulary: how many different characters there are.
        layers: blocks.
        width: of every layer.
        heads: of every attention.
        context: steps in the cache when it writes.
    """

    vocabulary: int
    layers: int
    width: int
    heads: int
    context: int

    @nn.compact
    def __call__(
        self,
        tokens: jax.Array,
        states: Sequence[Cache] | None = None,
        training: bool = False,
        dropout_rate: jax.Array | float = 0.0,
    ) -> tuple[jax.Array, tuple[Cache, ...]]:
        """Logits float32 `[batch, time, vocabulary]`, and the caches afterwards.

        As `CharacterNet`, but that `dropout_rate` is the share dropped of the embeddings, and of
        each residual branch of a block; there are caches afterwards only where there were `states`
        before.
        """
        embed = nn.Embed(self.vocabulary, self.width, embedding_init=nn.initializers.normal(0.02))
        hidden = embed(tokens)
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
