"""Data that lies on the device: batches are gathered inside the compiled loop."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp

from research.data.batches import for_device, in_file_order
from research.data.order import RowsOf
from research.engine.experiment import Batch, Source, Window
from research.engine.keys import stream


@dataclasses.dataclass(frozen=True, eq=False)
class Resident:
    """Training batches from columns on the device.

    Attributes:
        source: what is trained on.
        rows: which rows make a step's batch.
    """

    source: Source
    rows: RowsOf

    @functools.cached_property
    def _arrays(self) -> dict[str, jax.Array]:
        columns = for_device(self.source.load(), self.source.name)
        # A copy: on CPU the device would otherwise keep reading the cache's memory-mapped file.
        return {name: jnp.array(column) for name, column in columns.items()}

    def batch(self, arrays: Any, seed: jax.Array, step: jax.Array) -> Batch:
        """The batch of a step: column -> `[batch, ...]`, and `weight` float32 `[batch]`."""
        position, weight = self.rows(stream(seed, "order"), step)
        chosen = {
            name: column.at[position].get(mode="promise_in_bounds")
            for name, column in arrays.items()
        }
        return {**chosen, "weight": weight}

    def windows(self, seed: int, start: int, stop: int) -> Iterator[Window]:
        """One window of everything; none where there is no step."""
        del seed
        if start < stop:
            yield Window(self._arrays, start, stop)

    def close(self) -> None:
        """Nothing to stop."""


def evaluation_batches(source: Source, batch_size: int) -> list[Batch]:
    """The batches of a split on the device, in file order, each example once."""
    columns = for_device(source.load(), source.name)
    return [
        jax.device_put(
            {name: column[index] for name, column in columns.items()} | {"weight": weight}
        )
        for index, weight in in_file_order(len(source), batch_size)
    ]
