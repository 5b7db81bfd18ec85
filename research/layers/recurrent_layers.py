"""Stacked recurrent layers, as a flax module over `research.layers.recurrent`."""

from __future__ import annotations

from collections.abc import Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp

from research.layers.cells import CELLS, Cell
from research.layers.dropout import dropout
from research.layers.recurrence import States
from research.layers.recurrent import init_recurrent, recurrent


class RecurrentLayers(nn.Module):
    """Recurrent layers, each fed with the outputs of the one before.

    Attributes:
        cell: name of a kind in `research.layers.cells.CELLS`.
        units: of each layer.
        bidirectional: whether each layer is two, one of which goes from the last step to the first;
            their outputs stand side by side, and so do their states.
        vocabulary: where inputs are tokens, how many different ones there are.
        segment: as `recurrent` has it.
        batch_normalisation: whether what comes to a layer from another has mean 0 and deviation 1
            over batch and time, before scale and offset (Laurent et al. 2016, arXiv 1510.01378;
            "batch_stats" holds the running averages).
    """

    cell: str
    units: tuple[int, ...]
    bidirectional: bool = False
    vocabulary: int = 0
    segment: int = 0
    batch_normalisation: bool = False

    @nn.compact
    def __call__(
        self,
        inputs: jax.Array,
        states: Sequence[States] | None = None,
        *,
        mask: jax.Array | None = None,
        training: bool = False,
        dropout_rate: jax.Array | float = 0.0,
        recurrent_dropout_rate: jax.Array | float = 0.0,
    ) -> tuple[jax.Array, tuple[States, ...]]:
        """The last layer's outputs, and all layers' states.

        Args:
            inputs: float32 `[batch, time, features]`; or int `[batch, time]`, tokens.
            states: of each layer (of each direction), as they are returned; 0 if None.
            mask: as `recurrent` has it.
            training: whether to drop units, by the stream "dropout", and to normalise by the batch.
            dropout_rate: share of what a layer gives the next that is dropped, anew at each step.
            recurrent_dropout_rate: share of the hidden state that is dropped on its way to the next
                step, the same units at each step.

        Returns:
            float32 `[batch, time, units]` (twice the units if bidirectional), and the states after
            the last step of each direction.
        """
        cell, directions = CELLS[self.cell], 2 if self.bidirectional else 1
        before = iter(states) if states is not None else None
        after: list[States] = []
        for layer, units in enumerate(self.units):
            if layer and self.batch_normalisation:
                inputs = nn.BatchNorm(use_running_average=not training, momentum=0.99)(inputs)
            if training and layer:
                key = self.make_rng("dropout")
                inputs = dropout(inputs, dropout_rate, key, mostly_zero=True)
            outputs = []
            for direction in range(directions):
                output, last = self._direction(
                    cell,
                    f"layer_{layer}" + ("_reverse" if direction else ""),
                    units,
                    inputs,
                    next(before) if before is not None else None,
                    mask,
                    recurrent_dropout_rate if training else None,
                    bool(direction),
                )
                outputs.append(output)
                after.append(last)
            inputs = jnp.concatenate(outputs, axis=-1) if directions > 1 else outputs[0]
        return inputs, tuple(after)

    def _direction(
        self,
        cell: Cell,
        name: str,
        units: int,
        inputs: jax.Array,
        states: States | None,
        mask: jax.Array | None,
        dropped_rate: jax.Array | float | None,
        reverse: bool,
    ) -> tuple[jax.Array, States]:
        features = inputs.shape[-1] if inputs.ndim == 3 else self.vocabulary
        params = self.param(name, init_recurrent, cell, features, units)
        dropped = None
        if dropped_rate is not None:
            # Drawn in any case: which keys others get does not depend on a rate.
            key = self.make_rng("dropout")
            if not (isinstance(dropped_rate, float) and dropped_rate == 0.0):
                dropped = dropout(jnp.ones((inputs.shape[0], units)), dropped_rate, key)
        return recurrent(
            cell, params, inputs, states, mask=mask, dropped=dropped, reverse=reverse,
            segment=self.segment,
        )  # fmt: skip
