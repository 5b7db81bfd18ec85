"""Networks for forecasts of the next values of a series, with an interval around each."""

from __future__ import annotations

from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from research.layers.recurrent import RecurrentLayers
from research.layers.time_convolution import TimeConvolution, WaveNet

QUANTILES = (0.05, 0.95)
"""Of which the ends of an interval are forecasts: nine values in ten lie within."""


class Forecast(NamedTuple):
    """The forecast from some places of a window.

    Attributes:
        mean: float32 `[batch, places, horizon]`.
        low: the lower end of an interval, of the same shape; None without interval.
        high: its upper end.
    """

    mean: jax.Array
    low: jax.Array | None = None
    high: jax.Array | None = None


class WindowNet(nn.Module):
    """A kind of net, which `forecaster` makes whole.

    Unless `forecaster` is overridden, it makes features of a window at some of its places, the last
    of which is the window's end: (values `[batch, time, features]`, **dropping) -> float32
    `[batch, places, width]`, with `training` and `dropout_rate` for layers that drop.
    """

    @nn.nowrap
    def forecaster(self, horizon: int, interval: bool) -> nn.Module:
        """The net that makes a `Forecast` of so many values from a window."""
        return ForecastNet(self, horizon, interval=interval)


class ForecastNet(nn.Module):
    """A linear forecast from the features of a window.

    The interval comes from the same features, without a gradient to them: the mean is as it would
    be without, but for the norm that all gradients together are clipped to.

    Attributes:
        body: what makes the features.
        horizon: values that are forecast from each place.
        direct: whether the features are the forecast, with no layer after them.
        interval: whether the forecast has one.
    """

    body: WindowNet
    horizon: int
    direct: bool = False
    interval: bool = True

    @nn.compact
    def __call__(self, values: jax.Array, **dropping: Any) -> Forecast:
        """The forecast from each place; `training` and `dropout_rate` are the body's."""
        features = self.body(values, **dropping)
        # Rows of one matrix: a kernel's gradient over two axes takes twice as long on CPU.
        rows, places = features.reshape(-1, features.shape[-1]), features.shape[:2]
        mean = rows if self.direct else nn.Dense(self.horizon, name="mean")(rows)
        mean = mean.reshape(*places, self.horizon)
        if not self.interval:
            return Forecast(mean)
        ends = nn.Dense(2 * self.horizon, name="interval")(jax.lax.stop_gradient(rows))
        low, high = jnp.split(ends.reshape(*places, -1), 2, axis=-1)
        around = jax.lax.stop_gradient(mean)
        return Forecast(mean, around + low, around + high)


class Naive(WindowNet):
    """The last values of the first feature as the forecast, and no interval.

    Attributes:
        season: steps after which the series is taken to come again; 1 for none.
        horizon: values that are forecast.
    """

    season: int = 1
    horizon: int = 1

    @nn.nowrap
    def forecaster(self, horizon: int, interval: bool) -> nn.Module:
        """Itself: there is nothing to learn."""
        del interval
        return self.clone(horizon=horizon)

    def __call__(self, values: jax.Array, **dropping: Any) -> Forecast:
        """The forecast from the window's end."""
        del dropping
        ahead = jnp.arange(self.horizon) % self.season - self.season
        return Forecast(values[:, None, ahead, 0])


class Linear(WindowNet):
    """All of the window's values side by side, for a linear forecast from them."""

    def __call__(self, values: jax.Array, **dropping: Any) -> jax.Array:
        """float32 `[batch, 1, time * features]`."""
        del dropping
        return values.reshape(values.shape[0], 1, -1)


class Recurrent(WindowNet):
    """Recurrent layers over the window, after a convolution or none.

    Attributes:
        cell: name of a kind in `research.layers.cells.CELLS`.
        units: of each layer.
        every_step: whether each step is a place, or the last alone.
        batch_normalisation: between layers, as `RecurrentLayers` has it.
        direct: whether the forecast is the output of a last recurrent layer itself.
        filters: of a convolution of four steps before the layers; 0 for none.
        stride: of the convolution.
    """

    cell: str = "simple"
    units: tuple[int, ...] = ()
    every_step: bool = False
    batch_normalisation: bool = False
    direct: bool = False
    filters: int = 0
    stride: int = 1

    @nn.nowrap
    def forecaster(self, horizon: int, interval: bool) -> nn.Module:
        """The net that makes a `Forecast` of so many values from a window."""
        units = (*self.units, horizon) if self.direct else self.units
        return ForecastNet(self.clone(units=units), horizon, self.direct, interval)

    @nn.compact
    def __call__(self, values: jax.Array, **dropping: Any) -> jax.Array:
        """float32 `[batch, places, units]`."""
        if self.filters:
            values = TimeConvolution(self.filters, size=4, stride=self.stride)(values)
        layers = RecurrentLayers(
            self.cell, self.units, batch_normalisation=self.batch_normalisation
        )
        outputs, _ = layers(values, **dropping)
        return outputs if self.every_step else outputs[:, -1:]


class Waves(WindowNet):
    """A WaveNet over the window, every step a place.

    Attributes:
        gated: as `WaveNet` has it.
        filters: features of every layer.
        dilations: of each layer.
    """

    gated: bool = False
    filters: int = 20
    dilations: tuple[int, ...] = (1, 2, 4, 8)

    @nn.compact
    def __call__(self, values: jax.Array, **dropping: Any) -> jax.Array:
        """float32 `[batch, time, features]`."""
        del dropping
        return WaveNet(self.filters, self.dilations, self.gated, name="net")(values)
