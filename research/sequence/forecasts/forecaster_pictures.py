"""Pictures of a stream forecaster for a report: its forecasts, and a series continued alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from research.engine.artifacts import Artifact, Lines

PANELS = 4
"""Series in a report."""

Forecast = Callable[[Any, jax.Array, jax.Array], tuple[jax.Array, jax.Array]]
"""(params, values `[batch, time]`, hidden) -> the value after each, and the hidden state then."""


def continue_alone(
    forecast: Forecast, params: Any, values: jax.Array, hidden: jax.Array, steps: int
) -> jax.Array:
    """Values that follow from values, each forecast being the next input.

    Args:
        forecast: one step ahead.
        params: its parameters.
        values: float32 `[batch, time]`, what is known.
        hidden: float32 `[batch, units]`, before the first of them.
        steps: how many to make.

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


def show_forecasts(
    forecast: Forecast, params: Any, batch: Mapping[str, jax.Array], units: int, window: int
) -> dict[str, Artifact]:
    """The first series of a batch with forecasts of the next value, and a window made alone.

    Args:
        forecast: one step ahead.
        params: its parameters.
        batch: `series` and `clean`, float32 `[batch, length + 1]`, and `weight`.
        units: of the hidden state.
        window: after two of them the series is continued alone for another, or for as long as it
            is.
    """
    series = jnp.asarray(batch["series"])[:PANELS]
    series = series[np.asarray(batch["weight"])[:PANELS] > 0]
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
