"""A net that predicts the next note of a chorale: causal convolutions under a recurrent layer."""

from __future__ import annotations

from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from research.layers.cells import CELLS
from research.layers.recurrence import States
from research.layers.recurrent import RecurrentLayers, resting
from research.layers.time_convolution import TimeConvolution

FILTERS = (32, 48, 64, 96)
"""Features of each convolution."""
DILATIONS = (1, 2, 4, 8)
"""Of each convolution, whose kernels are of two steps."""


class Memory(NamedTuple):
    """What the net remembers of the notes before.

    Attributes:
        inputs: of each convolution, the last that its kernel still reaches, float32 `[batch,
            dilation, features]`; 0 before the first note, as a causal convolution has it.
        states: of the recurrent layer.
    """

    inputs: tuple[jax.Array, ...]
    states: tuple[States, ...]


class ChoraleNet(nn.Module):
    """Notes -> embeddings -> convolutions -> recurrent layer -> logits of the note after each.

    Each convolution is followed by a rectifier and batch normalisation ("batch_stats").

    Attributes:
        vocabulary: how many different notes there are, silence among them.
        cell: name of a kind in `research.layers.cells.CELLS`.
        units: of the recurrent layer.
        embedding: width of a note's embedding.

    Source: Géron 2019, "Hands-On Machine Learning", 2nd edition, chapter 15, exercise 10.
    """

    vocabulary: int
    cell: str
    units: int
    embedding: int

    @nn.compact
    def __call__(
        self, tokens: jax.Array, memory: Memory | None = None, training: bool = False
    ) -> tuple[jax.Array, Memory]:
        """Logits float32 `[batch, time, vocabulary]` and the memory after the last note.

        Args:
            tokens: int `[batch, time]`, notes.
            memory: of the notes before the first; of none if None.
            training: whether to normalise by the batch.
        """
        before = memory or self.resting(tokens.shape[0])
        hidden = nn.Embed(self.vocabulary, self.embedding)(tokens.astype(jnp.int32))
        after = []
        for features, dilation, past in zip(FILTERS, DILATIONS, before.inputs, strict=True):
            inputs = jnp.concatenate([past, hidden], axis=1)
            after.append(inputs[:, -dilation:])
            hidden = nn.relu(TimeConvolution(features, size=2, dilation=dilation)(inputs))
            hidden = nn.BatchNorm(use_running_average=not training, momentum=0.99)(hidden)
        outputs, states = RecurrentLayers(self.cell, (self.units,))(hidden, before.states)
        return nn.Dense(self.vocabulary, name="logits")(outputs), Memory(tuple(after), states)

    def resting(self, batch: int) -> Memory:
        """The memory of no notes, for so many chorales."""
        features = (self.embedding, *FILTERS[:-1])
        shapes = zip(DILATIONS, features, strict=True)
        inputs = tuple(jnp.zeros((batch, dilation, each)) for dilation, each in shapes)
        return Memory(inputs, (resting(CELLS[self.cell], (batch,), self.units),))
