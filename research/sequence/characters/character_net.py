"""A recurrent net that says which character comes next."""

from __future__ import annotations

from collections.abc import Sequence

import flax.linen as nn
import jax

from research.layers.cells import CELLS
from research.layers.recurrence import States
from research.layers.recurrent import resting
from research.sequence.recurrent_layers import RecurrentLayers


class CharacterNet(nn.Module):
    """Characters -> recurrent layers -> logits of the character after each.

    Attributes:
        symbols: characters in the vocabulary.
        cell: name of a kind in `research.layers.cells.CELLS`.
        units: of each recurrent layer.
        embedding: numbers that a character becomes, learned; 0 for a unit vector.
        segment: as `research.layers.recurrent.recurrent` has it; of texts that it divides alone.
    """

    symbols: int
    cell: str
    units: tuple[int, ...]
    embedding: int = 0
    segment: int = 0

    @nn.compact
    def __call__(
        self,
        numbers: jax.Array,
        states: Sequence[States] | None = None,
        training: bool = False,
        dropout_rate: jax.Array | float = 0.0,
    ) -> tuple[jax.Array, tuple[States, ...]]:
        """Logits float32 `[batch, time, symbols]` and states after the last character.

        Args:
            numbers: int `[batch, time]`, of characters.
            states: of each layer before the first of them; 0 if None.
            training: whether to drop units, by the stream "dropout".
            dropout_rate: share of each layer's inputs that are dropped, but for the first's.
        """
        shown = nn.Embed(self.symbols, self.embedding)(numbers) if self.embedding else numbers
        fits = self.segment and numbers.shape[1] % self.segment == 0
        layers = RecurrentLayers(
            self.cell, self.units, symbols=self.symbols, segment=self.segment if fits else 0
        )
        outputs, after = layers(shown, states, training=training, dropout_rate=dropout_rate)
        return nn.Dense(self.symbols, name="logits")(outputs), after

    def resting(self, batch: int) -> tuple[States, ...]:
        """States of all layers that remember nothing, for so many texts."""
        return tuple(resting(CELLS[self.cell], (batch,), units) for units in self.units)
