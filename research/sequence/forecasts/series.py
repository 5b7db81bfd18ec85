"""Noisy sums of two sines: endless streams, held-out sets, and Géron's chapter 15 on short ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Annotated, Any, NamedTuple, Self

import jax
import jax.numpy as jnp
import numpy as np

from research.data.order import shuffled_rows, steps_per_epoch
from research.data.sources.arrays import ArraySource
from research.engine.experiment import Data, Experiment, Key
from research.options.ranges import COUNT, DEPTH, FIXED, FRACTION, Range
from research.sequence.forecasts.forecast_net import WindowNet
from research.sequence.forecasts.forecasting import Forecasting, make_forecasting

STEPS_PER_UNIT = 50
"""Time steps in one unit of time."""
NOISE_WIDTH = 0.1
"""Width of the uniform noise on each value."""
NOISE_VARIANCE = NOISE_WIDTH**2 / 12
"""The least mean squared error of any forecast: the noise to come is unpredictable."""


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
    """Values without noise: .5 sin((t - o₁)(10 f₁ + 10)) + .2 sin((t - o₂)(20 f₂ + 20)).

    Time t, floats `[...]`, is in units of time; `sin` is that of the library whose the arrays are.

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


SIZES = {"train": 7000, "validation": 2000, "test": 1000}
"""Series in each split."""


@dataclass(frozen=True)
class SeriesForecasting(Forecasting):
    """Options of every net that forecasts such series."""

    batch_size: Annotated[int, "series in one update", Range(1, SIZES["train"])] = 32
    window: Annotated[int, "values that are known", Range(4)] = 50
    interval: Annotated[bool, "learn an interval around each forecast, too"] = True

    def smoke(self) -> Self:
        """One pass in 28 updates over short series."""
        return replace(self, epochs=min(self.epochs, 1), batch_size=250, window=12)

    def make(self) -> Experiment:
        """A forecaster of the chapter's series."""
        epoch = steps_per_epoch(SIZES["train"], self.batch_size)
        rows = shuffled_rows(SIZES["train"], self.batch_size)
        data = Data(make_series(self.window, self.horizon), rows)
        return make_forecasting(self, data, self.epochs * epoch, evaluate_every=2 * epoch)


@dataclass(frozen=True)
class RecurrentForecasting(SeriesForecasting):
    """Options of recurrent layers."""

    units: Annotated[int, "units of each recurrent layer", COUNT] = 20
    layers: Annotated[int, "recurrent layers", DEPTH] = 2
    dropout_rate: Annotated[float, "share of a layer's inputs that are dropped", FRACTION] = 0.0

    def sized_net(self) -> WindowNet:
        """The net, as large as chosen."""
        return self.net.clone(units=(self.units,) * self.layers)

    def smoke(self) -> Self:
        """One pass in 28 updates of narrow layers over short series."""
        return replace(super().smoke(), units=4)


@dataclass(frozen=True)
class ConvolutionForecasting(RecurrentForecasting):
    """Options of a convolution with recurrent layers after it."""

    filters: Annotated[int, "filters of the convolution", COUNT] = 20
    stride: Annotated[int, "steps between two places of the convolution", FIXED] = 2

    def sized_net(self) -> WindowNet:
        """The net, as large as chosen."""
        return super().sized_net().clone(filters=self.filters, stride=self.stride)


@dataclass(frozen=True)
class WaveForecasting(SeriesForecasting):
    """Options of a WaveNet."""

    filters: Annotated[int, "features of every layer", COUNT] = 20
    dilations: Annotated[tuple[int, ...], "steps between the two that a layer sees", COUNT] = (
        *(1, 2, 4, 8),
        *(1, 2, 4, 8),
    )

    def problems(self) -> list[str]:
        """No layer at all."""
        none = [] if self.dilations else ["--dilations must be one number or more"]
        return super().problems() + none

    def sized_net(self) -> WindowNet:
        """The net, as large as chosen."""
        return self.net.clone(filters=self.filters, dilations=self.dilations)


def make_series(window: int, horizon: int, seed: int = 42) -> dict[str, ArraySource]:
    """Sums of two sines of random frequency and phase, with uniform noise, over one unit of time.

    All splits are drawn from one generator, so that they share no series.

    Returns:
        For each of `SIZES` a column `values`, float32 `[series, window + horizon, 1]`.

    Source: Géron 2019, "Hands-On Machine Learning", 2nd edition, chapter 15,
        `generate_time_series`.
    """
    generator, steps = np.random.default_rng(seed), window + horizon
    time, sources = np.linspace(0, 1, steps), {}
    for split, count in SIZES.items():
        waves = Waves(*generator.uniform(size=(4, count, 1)))
        noise = NOISE_WIDTH * (generator.uniform(size=(count, steps)) - 0.5)
        values = (clean_values(waves, time, np.sin) + noise).astype(np.float32)
        name = f"{count} noisy sums of two sines, {steps} values each ({split}, seed {seed})"
        sources[split] = ArraySource(name, {"values": values[..., None]})
    return sources
