"""Short noisy series, those of Géron's chapter 15, and the forecasting of their next values."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Self

import numpy as np

from research.data.order import shuffled_rows, steps_per_epoch
from research.data.sources import ArraySource
from research.engine.experiment import Data, Experiment
from research.options.ranges import COUNT, DEPTH, FIXED, FRACTION, Range
from research.sequence.forecasts.forecast_net import WindowNet
from research.sequence.forecasts.forecasting import Forecasting, make_forecasting
from research.sequence.forecasts.series import NOISE_WIDTH, Waves, clean_values

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

    filters: Annotated[int, "of the convolution", COUNT] = 20
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
        """That there is no layer."""
        none = [] if self.dilations else ["--dilations must be one number or more"]
        return super().problems() + none

    def sized_net(self) -> WindowNet:
        """The net, as large as chosen."""
        return self.net.clone(filters=self.filters, dilations=self.dilations)


def make_series(window: int, horizon: int, seed: int = 42) -> dict[str, ArraySource]:
    """Sums of two sines of random frequency and phase, with uniform noise, over one unit of time.

    All splits are drawn from one generator, so that they share no series.

    Args:
        window: values that are known.
        horizon: values after these.
        seed: which series.

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
