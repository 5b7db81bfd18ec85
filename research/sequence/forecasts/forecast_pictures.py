"""Pictures of forecasts from a window for a report: beside the truth, and errors by horizon."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from research.engine.artifacts import Artifact, Lines
from research.sequence.forecasts.forecast_net import Forecast

PANELS = 6
"""Series in a report."""

NAMES = ("forecast", "one in twenty is lower", "one in twenty is higher")
"""Of the leaves of a `Forecast`, in their order."""


def show_forecast(
    batch: Mapping[str, Any], forecast: Forecast, window: int, unit: float, split: str
) -> dict[str, Artifact]:
    """Forecasts with their intervals beside what came, and the error of each step ahead.

    Args:
        batch: `values` `[batch, window + horizon, features]` and `weight`.
        forecast: at the window's end, leaves `[batch, horizon]`.
        window: values that were known.
        unit: of the values.
        split: what the batch is of.
    """
    real = np.asarray(batch["weight"]) > 0
    values = unit * np.asarray(batch["values"])[real, :, 0]
    lines = {
        name: unit * np.asarray(leaf)[real]
        for name, leaf in zip(NAMES, forecast, strict=True)
        if leaf is not None
    }
    mean = lines["forecast"]
    artifacts: dict[str, Artifact] = {}
    if mean.shape[1] > 1:
        artifacts["errors"] = _errors(values, mean, window, split)
    panels = min(PANELS, len(values))
    y = np.full((panels, 1 + len(lines), values.shape[1]), np.nan, np.float32)
    y[:, 0] = values[:panels]
    for line, leaf in enumerate(lines.values(), 1):
        # From the last known value: a forecast of one step would be no line.
        y[:, line, window - 1] = values[:panels, window - 1]
        y[:, line, window:] = leaf[:panels]
    artifacts["forecasts"] = Lines(
        f"Forecasts of the {split} set",
        np.arange(values.shape[1], dtype=np.float32),
        y,
        ("series", *lines),
        "time step",
        tuple(f"series {number}" for number in range(panels)),
        f"Forecast from the {window} values before step {window}.",
    )
    return artifacts


def _errors(values: np.ndarray, mean: np.ndarray, window: int, split: str) -> Lines:
    truth, last = values[:, window:], values[:, window - 1 : window]
    errors = np.stack([np.mean(np.square(each - truth), axis=0) for each in (mean, last)])
    return Lines(
        "Mean squared error by steps ahead",
        np.arange(1, truth.shape[1] + 1, dtype=np.float32),
        np.log10(np.maximum(errors, 1e-12))[None].astype(np.float32),
        ("forecast", "the last value as the forecast"),
        "steps ahead",
        note=f"Logarithm to base 10, over {len(values)} series of the {split} set.",
    )
