"""What can be chosen where ridership is forecast by a net, and the experiment made of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any

import flax.linen as nn

from research.data.order import steps_per_epoch
from research.data.sequences import overlapping_rows, windows_in
from research.engine.artifacts import Artifact
from research.engine.experiment import Data, Evaluation, Experiment, Key, Selection
from research.engine.hyperparameters import floats
from research.errors import Mistake
from research.optimization.supervised import Fitting
from research.options.ranges import AMOUNT, COUNT, DEPTH, POSITIVE, Range, out_of_range, undivided
from research.sequence.forecasts.forecasting import make_forecasting
from research.sequence.forecasts.ridership import (
    FEATURES,
    UNIT,
    WEEK,
    Cut,
    read_ridership,
    ridership_sources,
)
from research.sequence.forecasts.stationarity import show_stationarity

EVALUATIONS = 100
"""About how often a run looks at the validation set, from which its best checkpoint is chosen."""


@dataclass(frozen=True)
class RidershipConfig:
    """What can be chosen, whatever the net."""

    cut: Annotated[Cut, "the book's splits, or all days with gaps between the splits"] = "published"
    epochs: Annotated[int, "passes over the training windows"] = 200
    batch_size: Annotated[int, "windows in one update"] = 32
    groups: Annotated[int, "equal parts of a batch, which devices can share"] = 1
    window: Annotated[int, "days that are known"] = 56
    horizon: Annotated[int, "days that are forecast"] = 1
    learning_rate: Annotated[float, "Adam's step size at the start, falling by cosine"] = 3e-3
    gradient_norm: Annotated[float, "global norm that gradients are clipped to"] = 1.0
    huber_delta: Annotated[float, "millions of boardings beyond which an error counts linearly"] = (
        0.05
    )


@dataclass(frozen=True)
class RecurrentRidershipConfig(RidershipConfig):
    """What can be chosen of recurrent layers."""

    units: Annotated[int, "units of each recurrent layer"] = 32
    layers: Annotated[int, "recurrent layers"] = 1


def validate(config: RidershipConfig) -> list[str]:
    """What is out of range, a message each."""
    ranges = {
        "epochs": AMOUNT,
        "batch_size": COUNT,
        "groups": COUNT,
        "window": Range(WEEK),
        "horizon": COUNT,
        "learning_rate": POSITIVE,
        "gradient_norm": POSITIVE,
        "huber_delta": POSITIVE,
    }
    if isinstance(config, RecurrentRidershipConfig):
        ranges |= {"units": COUNT, "layers": DEPTH}
    return out_of_range(config, ranges) + undivided("groups", config, "batch_size")


def smoke(config: RidershipConfig) -> RidershipConfig:
    """A few updates on short windows."""
    small = replace(config, epochs=min(config.epochs, 3), batch_size=128, window=14)
    if isinstance(small, RecurrentRidershipConfig):
        return replace(small, units=4)
    return small


def make_ridership(
    config: RidershipConfig, net: nn.Module, *, calendar: bool = False
) -> Experiment:
    """The experiment of a net on the series, its best checkpoint by validation error.

    Args:
        config: what was chosen.
        net: as `make_forecasting` takes it.
        calendar: whether bus boardings and the next day's type are inputs, beside rail boardings.

    Raises:
        Mistake: the data is not prepared, or too short for what was chosen.
    """
    length, features = config.window + config.horizon, len(FEATURES) if calendar else 1
    days = read_ridership(config.cut, length)
    train = days.of("train")
    count = windows_in(len(train), length)
    if count < config.batch_size:
        raise Mistake(
            f"the training days have {count} windows of {length} days, fewer than "
            f"--batch-size {config.batch_size}"
        )
    steps = config.epochs * steps_per_epoch(count, config.batch_size)
    data = Data(
        ridership_sources(days, length, features),
        overlapping_rows(len(train), length, config.batch_size),
        evaluation_batch_size=128,
    )
    experiment = make_forecasting(
        net,
        data,
        floats(config),
        Fitting(steps, "adam", "cosine", groups=config.groups),
        window=config.window,
        horizon=config.horizon,
        features=features,
        robust=True,
        unit=UNIT,
        batch_size=config.batch_size,
        evaluate_every=max(1, steps // EVALUATIONS),
        selection=Selection("validation/mae", larger_is_better=False) if steps else None,
    )
    forecasts = experiment.artifacts
    assert forecasts is not None

    def artifacts(state: Any, evaluation: Evaluation, key: Key) -> Mapping[str, Artifact]:
        rail = UNIT * train[:, 0]
        return {
            **forecasts(state, evaluation, key),
            "stationarity": show_stationarity("Rail boardings in training", rail, WEEK, "days"),
        }

    return experiment._replace(final=("validation", "test"), artifacts=artifacts)
