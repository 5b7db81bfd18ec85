"""The classical forecaster of ridership as an experiment: of no steps, measured on the host."""

from __future__ import annotations

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from research.engine.artifacts import Artifact, Lines
from research.engine.experiment import Batch, Data, Evaluation, Experiment, Hyperparameters, Key
from research.engine.metrics import Metrics
from research.sequence.forecasts.ridership import UNIT, WEEK, Cut, read_ridership, ridership_sources
from research.sequence.forecasts.sarima import Orders, one_step_forecasts
from research.sequence.forecasts.stationarity import show_stationarity

SHOWN = ("validation", "test")


class Untrained(NamedTuple):
    """A state that nothing depends on.

    Attributes:
        step: int32 scalar, 0.
    """

    step: jax.Array


class Forecasts(NamedTuple):
    """What was said of a split's days, and what came, in boardings.

    Attributes:
        truth: float64 `[days]`.
        said: float64 `[days]`.
        naive: float64 `[days]`, the values of a week before.
    """

    truth: np.ndarray
    said: np.ndarray
    naive: np.ndarray


def make_ridership_sarima(
    orders: Orders, cut: Cut, window: int, history: int, refit: int, unit: int
) -> Experiment:
    """An experiment that fits on the host, at the end of a run without steps.

    A fit is a search of statsmodels' optimiser in float64, no step of a compiled program: what the
    contract has for that is `measure`, whose figures `verify` makes again.

    Args:
        orders: of the model.
        cut: where the days are cut into splits.
        window: days of a split that come before the first forecast; at least two weeks.
        history: days before the split that are known, too, as many as there are.
        refit: days between two fits.
        unit: boardings that are 1 to the optimiser; 0 for their standard deviation.

    Raises:
        Mistake: the data is not prepared, or a split is too short.
    """
    days = read_ridership(cut, window + 1)
    rail = UNIT * days.values[:, 0].astype(np.float64)

    @functools.cache
    def forecasts(split: str) -> Forecasts:
        start, stop = days.spans[split]
        first = max(0, start - history)
        values, known = rail[first:stop], start - first + window
        said = one_step_forecasts(values, known, orders, refit, float(unit) or None)
        return Forecasts(values[known:], said, values[known - WEEK : -WEEK])

    def init(key: Key, hyperparameters: Hyperparameters) -> Untrained:
        del key, hyperparameters
        return Untrained(jnp.int32(0))

    def update(state: Untrained, batch: Batch, key: Key) -> tuple[Untrained, Metrics]:
        del batch, key
        return state, {}

    def evaluate(state: Untrained, batch: Batch, key: Key) -> Metrics:
        del state, batch, key
        return {}

    def measure(state: Untrained) -> dict[str, float]:
        del state
        figures = {}
        for split in SHOWN:
            truth, said, naive = forecasts(split)
            figures[f"{split}/mae"] = float(np.mean(np.abs(said - truth)))
            figures[f"{split}/naive_mae"] = float(np.mean(np.abs(naive - truth)))
        return figures

    def artifacts(state: Untrained, evaluation: Evaluation, key: Key) -> dict[str, Artifact]:
        del state, evaluation, key
        truth, said, naive = forecasts("validation")
        shown = Lines(
            "A day ahead in the validation set",
            np.arange(len(truth), dtype=np.float32),
            np.stack([truth, said, naive])[None].astype(np.float32),
            ("boardings", "forecast", "a week before"),
            f"days after {days.dates[days.spans['validation'].start + window]}",
        )
        stationarity = show_stationarity(
            "Rail boardings in training", rail[slice(*days.spans["train"])], WEEK, "days"
        )
        return {"forecasts": shown, "stationarity": stationarity}

    return Experiment(
        init=init,
        update=update,
        evaluate=evaluate,
        steps=0,
        items_per_step=1,
        items="fits",
        hyperparameters={},
        data=Data(ridership_sources(days, window + 1, 1)),
        watched=(),
        final=(),
        measure=measure,
        artifacts=artifacts,
    )
