"""Noisy sums of two sines: endless streams made on the device, and held-out sets in memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from research.data.sources import ArraySource
from research.engine.experiment import Key

STEPS_PER_UNIT = 50
"""Time steps in one unit of time."""
NOISE_WIDTH = 0.1
"""Width of the uniform noise on each value."""
NOISE_VARIANCE = NOISE_WIDTH**2 / 12
"""What no forecast's mean squared error can fall below: the noise to come is unpredictable."""


class Waves(NamedTuple):
    """Two sines each: uniform in 0 to 1, arrays `[...]` of one shape.

    Attributes:
        slow: sets the first sine's frequency.
        fast: sets the second's.
        slow_offset: the time at which the first sine passes 0.
        fast_offset: the same for the second.
    """

    slow: Any
    fast: Any
    slow_offset: Any
    fast_offset: Any


def clean_values(waves: Waves, time: Any, sin: Callable[[Any], Any]) -> Any:
    """Values without noise.

    Args:
        waves: leaves `[...]`.
        time: float `[...]`, units of time.
        sin: the sine of the library that the arrays belong to.

    Returns:
        Floats `[...]`: .5 sin((t - o₁)(10 f₁ + 10)) + .2 sin((t - o₂)(20 f₂ + 20)).

    Source: Géron 2019, "Hands-On Machine Learning", 2nd edition, chapter 15,
        `generate_time_series`, there over one unit of time.
    """
    slow = sin((time - waves.slow_offset) * (10.0 * waves.slow + 10.0))
    fast = sin((time - waves.fast_offset) * (20.0 * waves.fast + 20.0))
    return 0.5 * slow + 0.2 * fast


def make_streams(
    streams: int, window: int, windows: int
) -> Callable[[Key, jax.Array], dict[str, jax.Array]]:
    """Streams that go on from step to step: a pure function of (key, step).

    At step n, stream s shows window (n + s) mod `windows` of its series number
    (n + s) div `windows`: the streams start anew one after another, so that every batch holds
    young series and old. A value is a function of (key, stream, series, time), so that the last
    target of one window is, to the bit, the first input of the next.

    Args:
        streams: series that run side by side.
        window: time steps in one batch.
        windows: windows after which a stream starts anew, as another series.

    Returns:
        (key, step int32 scalar) -> a batch of `inputs` float32 `[streams, window]`, `targets`
        float32 `[streams, window]` (each the value after its input) and `starts` bool
        `[streams]` (whether this window is the first of its series).
    """

    def stream(key: Key, position: jax.Array) -> tuple[jax.Array, jax.Array]:
        series, number = position // windows, position % windows
        waves_key, noise_key = jax.random.split(jax.random.fold_in(key, series))
        waves = Waves(*jax.random.uniform(waves_key, (4,)))
        steps = number * window + jnp.arange(window + 1)
        noise = jax.vmap(lambda step: jax.random.uniform(jax.random.fold_in(noise_key, step)))(
            steps
        )
        values = clean_values(waves, steps.astype(jnp.float32) / STEPS_PER_UNIT, jnp.sin)
        return values + NOISE_WIDTH * (noise - 0.5), number == 0

    def generate(key: Key, step: jax.Array) -> dict[str, jax.Array]:
        numbers = jnp.arange(streams)
        keys = jax.vmap(lambda number: jax.random.fold_in(key, number))(numbers)
        values, starts = jax.vmap(stream)(keys, step + numbers)
        return {"inputs": values[:, :-1], "targets": values[:, 1:], "starts": starts}

    return generate


def held_out(seed: int, series: int, length: int) -> ArraySource:
    """Whole series to be measured on, the same in every run.

    Args:
        seed: which series.
        series: how many.
        length: time steps to forecast in each.

    Returns:
        Columns `series` and `clean` (without the noise), float32 `[series, length + 1]`.
    """
    generator = np.random.default_rng(seed)
    waves = Waves(*generator.uniform(size=(4, series, 1)))
    noise = NOISE_WIDTH * (generator.uniform(size=(series, length + 1)) - 0.5)
    clean = clean_values(waves, np.arange(length + 1) / STEPS_PER_UNIT, np.sin)
    return ArraySource(
        f"{series} noisy sums of two sines, {length + 1} values each, seed {seed}",
        {"series": (clean + noise).astype(np.float32), "clean": clean.astype(np.float32)},
    )
