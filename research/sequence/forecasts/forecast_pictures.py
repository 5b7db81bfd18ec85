"""What a report shows of forecasts from a window: some beside the truth, and errors by horizon."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from research.engine.artifacts import Artifact, Lines
from research.sequence.forecasts.forecast_net import Forecast

PANELS = 6
"""Series shown."""

NAMES = ("forecast", "one in twenty is lower", "one in twenty is higher")
"""Of what a net says, in its order."""


def show_forecast(
    batch: Mapping[str, Any], said: Forecast, window: int, unit: float, split: str
) -> dict[str, Artifact]:
    """Forecasts with their intervals beside what came, and the error of each step ahead.

    Args:
        batch: `values` `[batch, window + horizon, features]` and `weight`.
        said: at the window's end, leaves `[batch, horizon]`.
        window: values that were known.
        unit: of the values.
        split: what the batch is of.
    """
    there = np.asarray(batch["weight"]) > 0
    values = unit * np.asarray(batch["values"])[there, :, 0]
    lines = {
        name: unit * np.asarray(leaf)[there]
        for name, leaf in zip(NAMES, said, strict=True)
        if leaf is not None
    }
    mean = lines["forecast"]
    artifacts: dict[str, Artifact] = {}
    if mean.shape[1] > 1:
        artifacts["errors"] = _errors(values, mean, window, split)
    shown = min(PANELS, len(values))
    y = np.full((shown, 1 + len(lines), values.shape[1]), np.nan, np.float32)
    y[:, 0] = values[:shown]
    for line, leaf in enumerate(lines.values(), 1):
        # From the last known value: a forecast of one step would be no line.
        y[:, line, window - 1] = values[:shown, window - 1]
        y[:, line, window:] = leaf[:shown]
    artifacts["forecasts"] = Lines(
        f"Forecasts of the {split} set",
        np.arange(values.shape[1], dtype=np.float32),
        y,
        ("series", *lines),
        "time step",
        tuple(f"series {number}" for number in range(shown)),
        f"Forecast from the {window} values before step {window}.",
    )
    return artifacts


def _errors(values: np.ndarray, mean: np.ndarray, window: int, split: str) -> Lines:
    truth, last = values[:, window:], values[:, window - 1 : window]
    errors = np.stack([np.mean(np.square(said - truth), axis=0) for said in (mean, last)])
    return Lines(
        "Mean squared error by steps ahead",
        np.arange(1, truth.shape[1] + 1, dtype=np.float32),
        np.log10(np.maximum(errors, 1e-12))[None].astype(np.float32),
        ("forecast", "the last value as the forecast"),
        "steps ahead",
        note=f"Logarithm to base 10, over {len(values)} series of the {split} set.",
    )
