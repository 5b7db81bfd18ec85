"""Pictures of forecasts for a report: from a window, and of streams that are continued alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
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

    The batch holds `values` `[batch, window + horizon, features]` in so large a `unit`, and
    `weight`; the forecast, at the window's end, has leaves `[batch, horizon]`.
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


STREAMS = 4
"""Series in a report."""

NextValue = Callable[[Any, jax.Array, jax.Array], tuple[jax.Array, jax.Array]]
"""(params, values `[batch, time]`, hidden) -> the value after each, and the hidden state then."""


def continue_alone(
    forecast: NextValue, params: Any, values: jax.Array, hidden: jax.Array, steps: int
) -> jax.Array:
    """Values that follow from values, float32 `[batch, time]`, each forecast being the next input.

    `hidden`, float32 `[batch, units]`, is the state before the first of them.

    Returns:
        float32 `[batch, steps]`, the first being the value after the last of `values`.
    """
    forecasts, hidden = forecast(params, values, hidden)

    def go_on(carry: tuple, _: None) -> tuple[tuple, jax.Array]:
        value, hidden = carry
        following, hidden = forecast(params, value[:, None], hidden)
        return (following[:, 0], hidden), value

    made = jax.lax.scan(go_on, (forecasts[:, -1], hidden), None, length=steps)[1]
    return jnp.swapaxes(made, 0, 1)


def show_stream_forecasts(
    forecast: NextValue, params: Any, batch: Mapping[str, jax.Array], units: int, window: int
) -> dict[str, Artifact]:
    """The first series of a batch with forecasts of the next value, and a window made alone.

    The batch holds `series` and `clean`, float32 `[batch, length + 1]`, and `weight`. After two
    windows the series is continued alone for another, or for as long as it is.
    """
    series = jnp.asarray(batch["series"])[:STREAMS]
    series = series[np.asarray(batch["weight"])[:STREAMS] > 0]
    clean = np.asarray(batch["clean"])[: len(series)]
    known = min(2 * window, series.shape[1] - 1)
    end = min(known + window, series.shape[1])
    hidden = jnp.zeros((len(series), units))

    def make(params: Any, series: jax.Array) -> tuple[jax.Array, jax.Array]:
        ahead, _ = forecast(params, series[:, : end - 1], hidden)
        return ahead, continue_alone(forecast, params, series[:, :known], hidden, end - known)

    ahead, alone = jax.device_get(jax.jit(make)(params, series))
    y = np.full((len(series), 4, end), np.nan, np.float32)
    y[:, 0] = series[:, :end]
    y[:, 1] = clean[:, :end]
    y[:, 2, 1:] = ahead
    y[:, 3, known:] = alone
    return {
        "forecasts": Lines(
            "Forecasts of held-out series",
            np.arange(end, dtype=np.float32),
            y,
            (
                "series",
                "without its noise",
                "forecast from all values before",
                f"continued alone from step {known}",
            ),
            "time step",
            tuple(f"series {number}" for number in range(len(series))),
            f"From step {known} on, the last line sees no more of the series: each of its values "
            "follows from its own forecasts.",
        )
    }
