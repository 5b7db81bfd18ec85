"""A training loop written out in plain Python: what the engine does, without the engine's loop."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from research.engine import keys, metrics
from research.engine.experiment import Experiment, Hyperparameters, State
from research.engine.metrics import Metrics


def train(
    experiment: Experiment,
    columns: Mapping[str, np.ndarray],
    seed: int,
    hyperparameters: Hyperparameters,
    order: int | None = None,
) -> tuple[State, Metrics]:
    """All updates of a run, one after the other; the state, and the sums of the metrics.

    Args:
        experiment: its data has `rows`.
        columns: of the training split, `[examples, ...]`.
        seed: of the run.
        hyperparameters: float32 scalars, by name.
        order: the seed that the batches' order is drawn from; the run's own by default.
    """
    assert experiment.data is not None and experiment.data.rows is not None
    order_key = keys.stream(seed if order is None else order, "order")
    update_key = keys.stream(seed, "update")
    rows, update = jax.jit(experiment.data.rows), jax.jit(experiment.update)
    on_device = {name: jnp.asarray(column) for name, column in columns.items()}

    state = jax.jit(experiment.init)(keys.stream(seed, "init"), hyperparameters)
    total: Metrics | None = None
    for step in range(experiment.steps):
        position, weight = rows(order_key, step)
        batch = {name: column[position] for name, column in on_device.items()}
        state, found = update(state, {**batch, "weight": weight}, keys.at_step(update_key, step))
        total = found if total is None else metrics.merge(total, found)
    return state, total or {}


def evaluate(
    experiment: Experiment, state: State, columns: Mapping[str, np.ndarray], batch_size: int
) -> Metrics:
    """The metrics of a split: whole batches, the last filled up with rows of weight 0."""
    measure = jax.jit(experiment.evaluate)
    examples = len(next(iter(columns.values())))
    total: Metrics | None = None
    for start in range(0, examples, batch_size):
        rows = np.arange(start, start + batch_size)
        inside = rows < examples
        batch: dict[str, Any] = {
            name: column[np.where(inside, rows, 0)] for name, column in columns.items()
        }
        batch["weight"] = inside.astype(np.float32)
        found = measure(state, batch, jax.random.key(0))
        total = found if total is None else metrics.merge(total, found)
    return total or {}
