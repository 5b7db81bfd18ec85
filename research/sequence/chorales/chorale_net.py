"""A net that predicts the next note of a chorale: causal convolutions under a recurrent layer."""

from __future__ import annotations

from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from research.layers.cells import CELLS
from research.layers.dropout import dropout
from research.layers.recurrence import States
from research.layers.recurrent import RecurrentLayers, resting
from research.layers.time_convolution import TimeConvolution
from research.sequence.chorales.chords import QUARTER, VOICES

FILTERS = (32, 48, 64, 96)
"""Features of each convolution."""
DILATIONS = (1, 2, 4, 8)
"""Of each convolution, whose kernels are of two steps."""
PLACES = len(VOICES) * QUARTER
"""Notes in a quarter."""


class Memory(NamedTuple):
    """What the net remembers of the notes before.

    Attributes:
        inputs: of each convolution, the last that its kernel still reaches, float32 `[batch,
            dilation, features]`; 0 before the first note, as a causal convolution has it.
        states: of the recurrent layer.
        place: of the next note in its quarter, int32 scalar from 0 to `PLACES` - 1.
    """

    inputs: tuple[jax.Array, ...]
    states: tuple[States, ...]
    place: jax.Array


class ChoraleNet(nn.Module):
    """Notes -> embeddings -> convolutions -> recurrent layer -> logits of the note after each.

    Each convolution is followed by a rectifier and batch normalisation ("batch_stats").

    Attributes:
        vocabulary: how many different notes there are, silence among them.
        cell: name of a kind in `research.layers.cells.CELLS`.
        units: of the recurrent layer.
        embedding: width of a note's embedding.
        places: whether the place of a note in its quarter, its voice among four and its sixteenth
            among four, has an embedding, too, which is added.

    Source: Géron 2019, "Hands-On Machine Learning", 2nd edition, chapter 15, exercise 10.
    """

    vocabulary: int
    cell: str
    units: int
    embedding: int
    places: bool

    @nn.compact
    def __call__(
        self,
        tokens: jax.Array,
        memory: Memory | None = None,
        training: bool = False,
        dropout_rate: jax.Array | float = 0.0,
    ) -> tuple[jax.Array, Memory]:
        """Logits float32 `[batch, time, vocabulary]` and the memory after the last note.

        Args:
            tokens: int `[batch, time]`, notes.
            memory: of the notes before the first; of none if None.
            training: whether to normalise by the batch, and to drop units, by the stream "dropout".
            dropout_rate: share dropped of the recurrent layer's inputs and of its outputs.
        """

        def dropped(values: jax.Array) -> jax.Array:
            return dropout(values, dropout_rate, self.make_rng("dropout")) if training else values

        before = memory or self.resting(tokens.shape[0])
        hidden = nn.Embed(self.vocabulary, self.embedding)(tokens.astype(jnp.int32))
        places = before.place + jnp.arange(tokens.shape[1])
        if self.places:
            hidden += nn.Embed(PLACES, self.embedding, name="place")(places % PLACES)
        after = []
        for features, dilation, past in zip(FILTERS, DILATIONS, before.inputs, strict=True):
            inputs = jnp.concatenate([past, hidden], axis=1)
            after.append(inputs[:, -dilation:])
            hidden = nn.relu(TimeConvolution(features, size=2, dilation=dilation)(inputs))
            hidden = nn.BatchNorm(use_running_average=not training, momentum=0.99)(hidden)
        outputs, states = RecurrentLayers(self.cell, (self.units,))(dropped(hidden), before.states)
        logits = nn.Dense(self.vocabulary, name="logits")(dropped(outputs))
        return logits, Memory(tuple(after), states, (places[-1] + 1) % PLACES)

    def resting(self, batch: int) -> Memory:
        """The memory of no notes, for so many chorales."""
        features = (self.embedding, *FILTERS[:-1])
        shapes = zip(DILATIONS, features, strict=True)
        inputs = tuple(jnp.zeros((batch, dilation, each)) for dilation, each in shapes)
        states = resting(CELLS[self.cell], (batch,), self.units)
        return Memory(inputs, (states,), jnp.int32(0))
