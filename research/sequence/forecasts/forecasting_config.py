"""What can be chosen where short noisy series are forecast, and the experiment made of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated

import flax.linen as nn

from research.data.order import shuffled_rows, steps_per_epoch
from research.engine.experiment import Data, Experiment
from research.engine.hyperparameters import floats
from research.optimization.supervised import Fitting
from research.options.ranges import (
    AMOUNT,
    COUNT,
    DEPTH,
    FRACTION,
    POSITIVE,
    Range,
    out_of_range,
    undivided,
)
from research.sequence.forecasts.forecasting import make_forecasting
from research.sequence.forecasts.synthetic import SIZES, make_series


@dataclass(frozen=True)
class ForecastingConfig:
    """What can be chosen, whatever the net."""

    epochs: Annotated[int, "passes over the training series"] = 20
    batch_size: Annotated[int, "series in one update"] = 32
    groups: Annotated[int, "equal parts of a batch, which devices can share"] = 1
    window: Annotated[int, "values that are known"] = 50
    horizon: Annotated[int, "values that are forecast"] = 10
    learning_rate: Annotated[float, "Adam's step size at the start, falling by cosine"] = 1e-2
    gradient_norm: Annotated[float, "global norm that gradients are clipped to"] = 1.0
    interval: Annotated[bool, "learn an interval around each forecast, too"] = True


@dataclass(frozen=True)
class RecurrentForecastingConfig(ForecastingConfig):
    """What can be chosen of recurrent layers."""

    units: Annotated[int, "units of each recurrent layer"] = 20
    layers: Annotated[int, "recurrent layers"] = 2
    dropout_rate: Annotated[float, "share of a layer's inputs that are dropped"] = 0.0


@dataclass(frozen=True)
class WaveForecastingConfig(ForecastingConfig):
    """What can be chosen of a WaveNet."""

    learning_rate: Annotated[float, "Adam's step size at the start, falling by cosine"] = 5e-3
    filters: Annotated[int, "features of every layer"] = 20
    dilations: Annotated[tuple[int, ...], "steps between the two that a layer sees"] = (
        *(1, 2, 4, 8),
        *(1, 2, 4, 8),
    )


def validate(config: ForecastingConfig) -> list[str]:
    """What is out of range, a message each."""
    ranges = {
        "epochs": AMOUNT,
        "batch_size": Range(1, SIZES["train"]),
        "groups": COUNT,
        "window": Range(4),
        "horizon": COUNT,
        "learning_rate": POSITIVE,
        "gradient_norm": POSITIVE,
    }
    if isinstance(config, RecurrentForecastingConfig):
        ranges |= {"units": COUNT, "layers": DEPTH, "dropout_rate": FRACTION}
    problems = out_of_range(config, ranges) + undivided("groups", config, "batch_size")
    if isinstance(config, WaveForecastingConfig):
        problems += out_of_range(config, {"filters": COUNT})
        if not config.dilations or min(config.dilations) < 1:
            problems.append(
                f"--dilations must be one number or more, each at least 1, not {config.dilations}"
            )
    return problems


def smoke(config: ForecastingConfig) -> ForecastingConfig:
    """One pass in 28 updates over short series."""
    small = replace(config, epochs=min(config.epochs, 1), batch_size=250, window=12)
    if isinstance(small, RecurrentForecastingConfig):
        return replace(small, units=4)
    return small


def make_forecaster(
    config: ForecastingConfig, net: nn.Module, *, stride: int = 1, one_by_one: bool = False
) -> Experiment:
    """The experiment of a net on the chapter's series.

    Args:
        config: what was chosen.
        net: as `make_forecasting` takes it.
        stride: as `make_forecasting` takes it.
        one_by_one: as `make_forecasting` takes it.
    """
    epoch = steps_per_epoch(SIZES["train"], config.batch_size)
    rows = shuffled_rows(SIZES["train"], config.batch_size)
    return make_forecasting(
        net,
        Data(make_series(config.window, config.horizon), rows),
        floats(config),
        Fitting(config.epochs * epoch, "adam", "cosine", groups=config.groups),
        window=config.window,
        horizon=config.horizon,
        stride=stride,
        one_by_one=one_by_one,
        batch_size=config.batch_size,
        evaluate_every=max(1, 2 * epoch),
    )
