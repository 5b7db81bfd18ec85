"""Forecasting the next values of a series from a window, as an experiment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax

from research.engine import metrics
from research.engine.artifacts import Artifact
from research.engine.experiment import (
    Batch,
    Data,
    Evaluation,
    Experiment,
    Hyperparameters,
    Key,
    Selection,
)
from research.engine.metrics import Metrics
from research.optimization.descent import WeightedLoss
from research.optimization.supervised import Fitting, SupervisedState, Variables, make_supervised
from research.options.config import Config
from research.options.ranges import AMOUNT, COUNT, FIXED, POSITIVE, Divides
from research.prediction import Inputs, Outputs, Predictor, Values
from research.sequence.forecasts.forecast_net import QUANTILES, Forecast, WindowNet
from research.sequence.forecasts.forecast_pictures import show_forecast
from research.sequence.forecasts.own_series import TAKES, read_series


class Feature(NamedTuple):
    """One of the numbers that a series has at each step.

    Attributes:
        name: what a user calls it.
        scale: how many of a user's units are 1 to a net.
    """

    name: str
    scale: float = 1.0


@dataclass(frozen=True)
class Forecasting(Config):
    """Options of every net that forecasts from a window."""

    net: Annotated[WindowNet, "the kind of net", FIXED]
    epochs: Annotated[int, "passes over the training series", AMOUNT] = 20
    batch_size: Annotated[int, "series in one update", COUNT] = 32
    groups: Annotated[
        int, "equal parts of a batch, which devices can share", COUNT, Divides(("batch_size",))
    ] = 1
    window: Annotated[int, "values that are known", COUNT] = 50
    horizon: Annotated[int, "values that are forecast", COUNT] = 1
    learning_rate: Annotated[
        float, "Adam's step size at the start, falling by cosine", POSITIVE
    ] = 1e-2
    gradient_norm: Annotated[float, "global norm that gradients are clipped to", POSITIVE] = 1.0
    interval: Annotated[bool, "whether there is an interval around each forecast", FIXED] = True
    one_by_one: Annotated[
        bool, "whether the net forecasts one value, and is fed it for the next", FIXED
    ] = False
    stride: Annotated[int, "steps between two of the net's places", FIXED] = 1

    def sized_net(self) -> WindowNet:
        """The net, as large as chosen."""
        return self.net

    def forecaster(self) -> nn.Module:
        """The net that makes a `Forecast` from a window."""
        horizon = 1 if self.one_by_one else self.horizon
        return self.sized_net().forecaster(horizon, self.interval)


def make_forecasting(
    config: Forecasting,
    data: Data,
    steps: int,
    *,
    features: Sequence[Feature] = (Feature("value"),),
    evaluate_every: int,
    selection: Selection | None = None,
) -> Experiment:
    """An experiment that forecasts the first feature of a series.

    A batch holds `values`, float32 `[batch, window + horizon, features]`, and `weight`. Measured at
    the window's end are `mse` and `mae` over the horizon, `naive_mse`, the last value being the
    forecast, and, where there is an interval, `coverage`, the share of values within it (nine in
    ten should be).

    Beside those of `make_optimizer` these hyper-parameters count where the config has them:
    `dropout_rate`, and `huber_delta`, beyond which errors count linearly (Huber 1964).

    Args:
        config: the options; with `one_by_one` there is a single feature.
        data: batches, of these splits.
        steps: updates in the run.
        features: of each value; `mse` and `mae` are in the unit of the first.
        evaluate_every: updates between evaluations.
        selection: which checkpoint is reported.
    """
    net, window, horizon = config.forecaster(), config.window, config.horizon
    step_horizon = 1 if config.one_by_one else horizon
    scales, unit = np.array([feature.scale for feature in features], np.float32), features[0].scale

    def init_model(key: Key) -> Variables:
        return net.init(key, jnp.zeros((1, window, len(features))))

    def loss(variables: Variables, rows: Batch, key: Key, values: Hyperparameters) -> WeightedLoss:
        forecast, changed = net.apply(
            variables,
            rows["values"][:, :window],
            training=True,
            dropout_rate=values.get("dropout_rate", 0.0),
            rngs={"dropout": key},
            mutable=["batch_stats"],
        )
        places = forecast.mean.shape[1]
        truth = following(rows["values"], window, step_horizon, places, config.stride)
        if "huber_delta" in values:
            errors = optax.losses.huber_loss(forecast.mean, truth, delta=values["huber_delta"])
        else:
            errors = optax.losses.squared_error(forecast.mean, truth)
        each = jnp.mean(errors, axis=(1, 2))
        both = each
        if forecast.low is not None:
            both = each + jnp.mean(interval_loss(forecast, truth), axis=(1, 2))
        weight = rows["weight"]
        return WeightedLoss(
            jnp.sum(weight * both),
            jnp.sum(weight),
            {"loss": metrics.mean(each, weight)},
            changed.get("batch_stats", ()),
        )

    fitted = make_supervised(
        init_model, loss, Fitting(steps, "adam", "cosine", groups=config.groups)
    )

    def ahead(variables: Variables, values: jax.Array) -> Forecast:
        """The forecast from the window's end, leaves `[batch, horizon]`."""
        if not config.one_by_one:
            return jax.tree.map(lambda leaf: leaf[:, -1], net.apply(variables, values))

        def go_on(values: jax.Array, _: None) -> tuple[jax.Array, Forecast]:
            one = jax.tree.map(lambda leaf: leaf[:, -1, 0], net.apply(variables, values))
            return jnp.concatenate([values[:, 1:], one.mean[:, None, None]], axis=1), one

        _, forecast = jax.lax.scan(go_on, values, None, length=horizon)
        return jax.tree.map(lambda leaf: leaf.T, forecast)

    def evaluate(state: SupervisedState, batch: Batch, key: Key) -> Metrics:
        del key
        values, weight = batch["values"], batch["weight"][:, None]
        forecast, truth = ahead(fitted.reported(state), values[:, :window]), values[:, window:, 0]
        error, change = forecast.mean - truth, values[:, window - 1, :1] - truth
        measured: Metrics = {
            "mse": metrics.mean(unit**2 * jnp.square(error), weight),
            "mae": metrics.mean(unit * jnp.abs(error), weight),
            "naive_mse": metrics.mean(unit**2 * jnp.square(change), weight),
        }
        if forecast.low is not None and forecast.high is not None:
            within = (forecast.low <= truth) & (truth <= forecast.high)
            measured["coverage"] = metrics.mean(within, weight)
        return measured

    def predict(state: SupervisedState, inputs: Inputs) -> Outputs:
        forecast = ahead(fitted.reported(state), inputs["values"] / scales)
        return {name: unit * leaf for name, leaf in forecast._asdict().items() if leaf is not None}

    def examples(batch: Batch) -> tuple[Inputs, np.ndarray]:
        values = np.asarray(batch["values"]) * scales
        return {"values": values[:, :window]}, values[:, window:, 0]

    def artifacts(state: SupervisedState, evaluation: Evaluation, key: Key) -> dict[str, Artifact]:
        del key
        split = "test" if "test" in data.splits else "validation"
        batch = next(evaluation(split))
        forecast = jax.jit(ahead)(fitted.reported(state), batch["values"][:, :window])
        return show_forecast(batch, jax.device_get(forecast), window, unit, split)

    return Experiment(
        init=fitted.init,
        update=fitted.update,
        evaluate=evaluate,
        steps=steps,
        items_per_step=config.batch_size,
        items="series",
        data=data,
        groups=config.groups,
        evaluate_every=evaluate_every,
        selection=selection,
        artifacts=artifacts,
        offers={
            "predict": Predictor(
                apply=predict,
                examples={"values": jax.ShapeDtypeStruct((1, window, len(features)), jnp.float32)},
                outputs=Values(features[0].name, horizon),
                split=examples,
                read=lambda word: read_series(word, [name for name, _ in features], window),
                takes=TAKES,
            )
        },
    )


def following(
    values: jax.Array, window: int, horizon: int, places: int, stride: int = 1
) -> jax.Array:
    """The values of the first feature that follow each place of a window.

    Of values `[batch, window + horizon or more, features]`, `window` are known. The last place is
    the window's end; there are `stride` steps between two. The result is `[batch, places,
    horizon]`.
    """
    first = window - stride * (places - 1)
    # Slices: a gather of the same costs ten times as much on CPU.
    steps = [values[:, first + k : window + k + 1 : stride, 0] for k in range(horizon)]
    return jnp.stack(steps, axis=-1)


def interval_loss(forecast: Forecast, truth: jax.Array) -> jax.Array:
    """The sum of both ends' quantile losses, float `[...]`, least where they are the quantiles.

    Args:
        forecast: leaves `[...]`, ends among them.
        truth: float `[...]`.

    Source: Koenker and Bassett 1978, "Regression quantiles", eq. 2.1.
    """

    def pinball(end: jax.Array, quantile: float) -> Any:
        error = truth - end
        return jnp.maximum(quantile * error, (quantile - 1.0) * error)

    assert forecast.low is not None and forecast.high is not None
    low, high = QUANTILES
    return pinball(forecast.low, low) + pinball(forecast.high, high)
