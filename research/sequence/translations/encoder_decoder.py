"""Encoder and decoder: a recurrent net reads a sequence, another writes one, with attention."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, TypeAlias

import flax.linen as nn
import jax
import jax.numpy as jnp

from research.data.text import PADDING
from research.layers.attention import AdditiveAttention, MultiplicativeAttention
from research.layers.cells import CELLS
from research.layers.recurrence import States
from research.layers.recurrent import RecurrentLayers, init_recurrent, recurrent, recurrent_step

AttentionName: TypeAlias = Literal["none", "additive", "multiplicative"]
"""The decoder's attention to the encoder's outputs: none; by its state before a token, as a part
of its input (Bahdanau); or by its state after one, on the way to the logits (Luong)."""


class Encoded(NamedTuple):
    """An encoded sequence, as the decoder reads it.

    Attributes:
        outputs: of the encoder, float32 `[batch, keys, units]`.
        keys: of attention to them, `[batch, keys, any]`.
        mask: bool `[batch, keys]`, False at padding.
    """

    outputs: jax.Array
    keys: jax.Array
    mask: jax.Array


class EncoderDecoder(nn.Module):
    """A recurrent layer reads, another writes from the state in which the first ended.

    Attributes:
        source_vocabulary: of the sequence that is read; `PADDING` pads it and changes nothing.
        target_vocabulary: of the one that is written.
        embedding: width of a token's embedding.
        units: of the decoder, and of the encoder in all.
        cell: name of a kind in `research.layers.cells.CELLS`.
        bidirectional: whether half of the encoder's units read from the end.
        attention: how the decoder reads the encoder's outputs. With one, logits come of
            tanh(W [read, state]) (Luong et al., eq. 5).

    Sources: Sutskever et al. 2014 (arXiv 1409.3215); Bahdanau et al. 2015 (arXiv 1409.0473), eq. 4
        to 6; Luong et al. 2015 (arXiv 1508.04025), section 3.1, without input feeding.
    """

    source_vocabulary: int
    target_vocabulary: int
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
        self.embed_source = nn.Embed(self.source_vocabulary, self.embedding, embedding_init=start)
        self.embed_target = nn.Embed(self.target_vocabulary, self.embedding, embedding_init=start)
        self.encoder = RecurrentLayers(self.cell, (self.units // parts,), self.bidirectional)
        features = self.embedding + (self.units if self.attention == "additive" else 0)
        self.decoder = self.param("decoder", init_recurrent, CELLS[self.cell], features, self.units)
        if self.attention != "none":
            additive = AdditiveAttention(self.units)
            self.attend = additive if self.attention == "additive" else MultiplicativeAttention()
            self.combine = nn.Dense(self.units, use_bias=False)
        self.logits = nn.Dense(self.target_vocabulary)

    def __call__(
        self,
        source: jax.Array,
        previous: jax.Array,
        training: bool = False,
        dropout_rate: jax.Array | float = 0.0,
    ) -> tuple[jax.Array, jax.Array | None]:
        """Logits of what follows each token of a target (teacher forcing).

        Args:
            source: int `[batch, keys]`.
            previous: int `[batch, time]`, the target from `START` on, all but its last token.
            training: of no account here: nothing is dropped.
            dropout_rate: likewise.

        Returns:
            Logits float32 `[batch, time, target_vocabulary]`, and the weights of attention `[batch,
            time, keys]`, None without any.
        """
        del training, dropout_rate
        encoded, states = self.encode(source)
        embedded, cell = self.embed_target(previous), CELLS[self.cell]
        if self.attention == "additive":
            # Each state depends on the attention of the one before: all of it is a loop.
            loop = nn.scan(
                lambda module, states, token: module._attending_turn(encoded, states, token),
                variable_broadcast="params",
                split_rngs={"params": False},
                in_axes=1,
                out_axes=1,
            )
            _, (hidden, read, weights) = loop(self, states, embedded)
            return self.logits(self._combined(read, hidden)), weights
        hidden, _ = recurrent(cell, self.decoder, embedded, states)
        if self.attention == "none":
            return self.logits(hidden), None
        read, weights = self.attend.read(hidden, encoded.outputs, encoded.keys, encoded.mask)
        return self.logits(self._combined(read, hidden)), weights

    def encode(self, source: jax.Array) -> tuple[Encoded, States]:
        """The encoded sequence, int `[batch, keys]`, and the decoder's states at the start."""
        mask = source != PADDING
        outputs, last = self.encoder(self.embed_source(source), mask=mask)
        states = tuple(jnp.concatenate(leaves, axis=-1) for leaves in zip(*last, strict=True))
        if self.attention == "none":
            nothing = jnp.zeros((source.shape[0], 0, 0))
            return Encoded(nothing, nothing, mask), states
        return Encoded(outputs, self.attend.project_keys(outputs), mask), states

    def step(
        self, encoded: Encoded, states: States, token: jax.Array, place: jax.Array
    ) -> tuple[States, jax.Array, jax.Array | None]:
        """One token of the target, int `[batch]`.

        Returns:
            States afterwards, logits of what follows `[batch, target_vocabulary]`, and the weights
            of attention `[batch, keys]`, None without any.
        """
        del place
        embedded = self.embed_target(token)
        if self.attention == "additive":
            states, (hidden, read, weights) = self._attending_turn(encoded, states, embedded)
            return states, self.logits(self._combined(read, hidden)), weights
        states = recurrent_step(CELLS[self.cell], self.decoder, embedded, states)
        if self.attention == "none":
            return states, self.logits(states[0]), None
        query = states[0][:, None]
        read, weights = self.attend.read(query, encoded.outputs, encoded.keys, encoded.mask)
        return states, self.logits(self._combined(read[:, 0], states[0])), weights[:, 0]

    def _attending_turn(
        self, encoded: Encoded, states: States, embedded: jax.Array
    ) -> tuple[States, Any]:
        query = states[0][:, None]
        read, weights = self.attend.read(query, encoded.outputs, encoded.keys, encoded.mask)
        read, weights = read[:, 0], weights[:, 0]
        inputs = jnp.concatenate([embedded, read], axis=-1)
        states = recurrent_step(CELLS[self.cell], self.decoder, inputs, states)
        return states, (states[0], read, weights)

    def _combined(self, read: jax.Array, hidden: jax.Array) -> jax.Array:
        return jnp.tanh(self.combine(jnp.concatenate([read, hidden], axis=-1)))
