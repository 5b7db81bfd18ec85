"""Two recurrent nets, one that reads a sequence and one that writes another, with attention."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, TypeAlias

import flax.linen as nn
import jax
import jax.numpy as jnp

from research.data.text import PADDING
from research.layers.attention import AdditiveAttention, MultiplicativeAttention
from research.layers.cells import CELLS
from research.layers.recurrence import States
from research.layers.recurrent import init_recurrent, recurrent, recurrent_step
from research.layers.recurrent_layers import RecurrentLayers

AttentionName: TypeAlias = Literal["none", "additive", "multiplicative"]
"""What the decoder sees of the encoder's outputs: nothing; by its state before a symbol, as a part
of its input (Bahdanau); or by its state after one, on the way to the logits (Luong)."""


class Source(NamedTuple):
    """What stays of a sequence that was read.

    Attributes:
        encoded: the encoder's outputs, float32 `[batch, keys, units]`.
        offered: their share of the scores, `[batch, keys, any]`.
        mask: bool `[batch, keys]`, which of them are there.
    """

    encoded: jax.Array
    offered: jax.Array
    mask: jax.Array


class EncoderDecoder(nn.Module):
    """A recurrent layer reads, another writes from the state in which the first ended.

    Attributes:
        source_symbols: of the sequence that is read; `PADDING` pads it and changes nothing.
        target_symbols: of the one that is written.
        embedding: numbers that a symbol becomes.
        units: of the decoder, and of the encoder in all.
        cell: name of a kind in `research.layers.cells.CELLS`.
        bidirectional: whether half of the encoder's units read from the end.
        attention: what the decoder sees beside its state. With one, logits come of
            tanh(W [read, state]) (Luong et al., eq. 5).

    Sources: Sutskever et al. 2014 (arXiv 1409.3215); Bahdanau et al. 2015 (arXiv 1409.0473), eq. 4
        to 6; Luong et al. 2015 (arXiv 1508.04025), section 3.1, without input feeding.
    """

    source_symbols: int
    target_symbols: int
    embedding: int
    units: int
    cell: str = "lstm"
    bidirectional: bool = False
    attention: AttentionName = "none"

    def setup(self) -> None:
        """Embeddings, the two layers, attention, logits."""
        parts = 2 if self.bidirectional else 1
        # Flax's own start, features^-1/2, learned more slowly: .03 of accuracy after four passes.
        start = nn.initializers.normal(1.0)
        self.embed_source = nn.Embed(self.source_symbols, self.embedding, embedding_init=start)
        self.embed_target = nn.Embed(self.target_symbols, self.embedding, embedding_init=start)
        self.encoder = RecurrentLayers(self.cell, (self.units // parts,), self.bidirectional)
        features = self.embedding + (self.units if self.attention == "additive" else 0)
        self.decoder = self.param("decoder", init_recurrent, CELLS[self.cell], features, self.units)
        if self.attention != "none":
            additive = AdditiveAttention(self.units)
            self.attend = additive if self.attention == "additive" else MultiplicativeAttention()
            self.combine = nn.Dense(self.units, use_bias=False)
        self.logits = nn.Dense(self.target_symbols)

    def __call__(
        self,
        source: jax.Array,
        given: jax.Array,
        training: bool = False,
        dropout_rate: jax.Array | float = 0.0,
    ) -> tuple[jax.Array, jax.Array | None]:
        """What follows each symbol of a target that is given.

        Args:
            source: int `[batch, keys]`.
            given: int `[batch, time]`, the target from `START` on, all but its last symbol.
            training: of no account here: nothing is dropped.
            dropout_rate: likewise.

        Returns:
            Logits float32 `[batch, time, target_symbols]`, and the weights of attention `[batch,
            time, keys]`, None without any.
        """
        del training, dropout_rate
        stays, states = self.encode(source)
        shown, cell = self.embed_target(given), CELLS[self.cell]
        if self.attention == "additive":
            # Each state depends on what the one before read: all of it is a loop.
            loop = nn.scan(
                lambda module, states, symbol: module._attending_turn(stays, states, symbol),
                variable_broadcast="params",
                split_rngs={"params": False},
                in_axes=1,
                out_axes=1,
            )
            _, (hidden, read, weights) = loop(self, states, shown)
            return self.logits(self._combined(read, hidden)), weights
        hidden, _ = recurrent(cell, self.decoder, shown, states)
        if self.attention == "none":
            return self.logits(hidden), None
        read, weights = self.attend.read(hidden, stays.encoded, stays.offered, stays.mask)
        return self.logits(self._combined(read, hidden)), weights

    def encode(self, source: jax.Array) -> tuple[Source, States]:
        """What stays of a sequence, int `[batch, keys]`, and the decoder's states at the start."""
        mask = source != PADDING
        encoded, last = self.encoder(self.embed_source(source), mask=mask)
        states = tuple(jnp.concatenate(leaves, axis=-1) for leaves in zip(*last, strict=True))
        if self.attention == "none":
            nothing = jnp.zeros((source.shape[0], 0, 0))
            return Source(nothing, nothing, mask), states
        return Source(encoded, self.attend.offer(encoded), mask), states

    def step(
        self, stays: Source, states: States, symbol: jax.Array, place: jax.Array
    ) -> tuple[States, jax.Array, jax.Array | None]:
        """One symbol of the target, int `[batch]`.

        Returns:
            States afterwards, logits of what follows `[batch, target_symbols]`, and the weights of
            attention `[batch, keys]`, None without any.
        """
        del place
        shown = self.embed_target(symbol)
        if self.attention == "additive":
            states, (hidden, read, weights) = self._attending_turn(stays, states, shown)
            return states, self.logits(self._combined(read, hidden)), weights
        states = recurrent_step(CELLS[self.cell], self.decoder, shown, states)
        if self.attention == "none":
            return states, self.logits(states[0]), None
        query = states[0][:, None]
        read, weights = self.attend.read(query, stays.encoded, stays.offered, stays.mask)
        return states, self.logits(self._combined(read[:, 0], states[0])), weights[:, 0]

    def _attending_turn(
        self, stays: Source, states: States, shown: jax.Array
    ) -> tuple[States, Any]:
        query = states[0][:, None]
        read, weights = self.attend.read(query, stays.encoded, stays.offered, stays.mask)
        read, weights = read[:, 0], weights[:, 0]
        inputs = jnp.concatenate([shown, read], axis=-1)
        states = recurrent_step(CELLS[self.cell], self.decoder, inputs, states)
        return states, (states[0], read, weights)

    def _combined(self, read: jax.Array, hidden: jax.Array) -> jax.Array:
        return jnp.tanh(self.combine(jnp.concatenate([read, hidden], axis=-1)))
