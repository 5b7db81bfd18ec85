"""What an experiment without training does in place of a step and of an evaluation: nothing."""

from __future__ import annotations

from research.engine.experiment import Batch, Key, State
from research.engine.metrics import Metrics


def keep_state(state: State, batch: Batch, key: Key) -> tuple[State, Metrics]:
    """As `Experiment.update`: the same state."""
    del batch, key
    return state, {}


def measure_nothing(state: State, batch: Batch, key: Key) -> Metrics:
    """As `Experiment.evaluate`: no figures."""
    del state, batch, key
    return {}
