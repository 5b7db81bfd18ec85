"""Forecasting the next values of a series from a window, as an experiment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
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
from research.optimization.accumulation import WeightedLoss
from research.optimization.supervised import (
    Fitting,
    SupervisedState,
    Variables,
    make_supervised,
)
from research.sequence.forecasts.forecast_net import QUANTILES, Forecast
from research.sequence.forecasts.forecast_pictures import show_forecast


def make_forecasting(
    net: nn.Module,
    data: Data,
    hyperparameters: Mapping[str, float],
    fitting: Fitting,
    *,
    window: int,
    horizon: int,
    features: int = 1,
    stride: int = 1,
    one_by_one: bool = False,
    robust: bool = False,
    unit: float = 1.0,
    batch_size: int,
    evaluate_every: int,
    selection: Selection | None = None,
) -> Experiment:
    """An experiment that forecasts the first feature of a series.

    A batch holds `values`, float32 `[batch, window + horizon, features]`, and `weight`. Measured at
    the window's end are `mse` and `mae` over the horizon, `naive_mse`, the last value being the
    forecast, and, where an interval is said, `coverage`, the share of values within it (nine in ten
    should be).

    Args:
        net: as `research.sequence.forecasts.forecast_net.ForecastNet`, or `Naive`.
        data: what is fed.
        hyperparameters: those of `make_optimizer`; with `dropout_rate` units are dropped; with
            `robust` goes `huber_delta`, 1 where it is not there.
        fitting: how it learns.
        window: values that are known.
        horizon: values that are forecast.
        features: of each value.
        stride: steps between two of the net's places.
        one_by_one: whether the net forecasts one value, and is fed with its own forecasts for the
            others; it then needs a single feature.
        robust: whether errors beyond `huber_delta` count linearly (Huber 1964).
        unit: what `mse` (squared) and `mae` are multiplied by, so that they are in its unit.
        batch_size: series in an update.
        evaluate_every: updates between evaluations.
        selection: which checkpoint is reported.
    """
    step_horizon = 1 if one_by_one else horizon

    def init_model(key: Key) -> Variables:
        return net.init(key, jnp.zeros((1, window, features)))

    def loss(variables: Variables, rows: Batch, key: Key, values: Hyperparameters) -> WeightedLoss:
        said, changed = net.apply(
            variables,
            rows["values"][:, :window],
            training=True,
            dropout_rate=values.get("dropout_rate", 0.0),
            rngs={"dropout": key},
            mutable=["batch_stats"],
        )
        truth = following(rows["values"], window, step_horizon, said.mean.shape[1], stride)
        if robust:
            errors = optax.losses.huber_loss(said.mean, truth, delta=values.get("huber_delta", 1.0))
        else:
            errors = optax.losses.squared_error(said.mean, truth)
        each = jnp.mean(errors, axis=(1, 2))
        both = each
        if said.low is not None:
            both = each + jnp.mean(interval_loss(said, truth), axis=(1, 2))
        weight = rows["weight"]
        total, count = jnp.sum(weight * both), jnp.sum(weight)
        told: Metrics = {"loss": metrics.mean(each, weight)}
        return WeightedLoss(total, count, told, changed.get("batch_stats", ()))

    fitted = make_supervised(init_model, loss, fitting)

    def ahead(variables: Variables, values: jax.Array) -> Forecast:
        """What is said at the window's end, leaves `[batch, horizon]`."""
        if not one_by_one:
            return jax.tree.map(lambda leaf: leaf[:, -1], net.apply(variables, values))

        def go_on(values: jax.Array, _: None) -> tuple[jax.Array, Forecast]:
            said = jax.tree.map(lambda leaf: leaf[:, -1, 0], net.apply(variables, values))
            return jnp.concatenate([values[:, 1:], said.mean[:, None, None]], axis=1), said

        _, said = jax.lax.scan(go_on, values, None, length=horizon)
        return jax.tree.map(lambda leaf: leaf.T, said)

    def evaluate(state: SupervisedState, batch: Batch, key: Key) -> Metrics:
        del key
        values, weight = batch["values"], batch["weight"][:, None]
        said, truth = ahead(fitted.reported(state), values[:, :window]), values[:, window:, 0]
        error, change = said.mean - truth, values[:, window - 1, :1] - truth
        measured: Metrics = {
            "mse": metrics.mean(unit**2 * jnp.square(error), weight),
            "mae": metrics.mean(unit * jnp.abs(error), weight),
            "naive_mse": metrics.mean(unit**2 * jnp.square(change), weight),
        }
        if said.low is not None and said.high is not None:
            within = (said.low <= truth) & (truth <= said.high)
            measured["coverage"] = metrics.mean(within, weight)
        return measured

    def artifacts(state: SupervisedState, evaluation: Evaluation, key: Key) -> dict[str, Artifact]:
        del key
        split = "test" if "test" in data.splits else "validation"
        batch = next(evaluation(split))
        shown = jax.jit(ahead)(fitted.reported(state), batch["values"][:, :window])
        return show_forecast(batch, jax.device_get(shown), window, unit, split)

    return Experiment(
        init=fitted.init,
        update=fitted.update,
        evaluate=evaluate,
        steps=fitting.steps,
        items_per_step=batch_size,
        items="series",
        hyperparameters=hyperparameters,
        data=data,
        groups=fitting.groups,
        evaluate_every=evaluate_every,
        selection=selection,
        artifacts=artifacts,
    )


def following(
    values: jax.Array, window: int, horizon: int, places: int, stride: int = 1
) -> jax.Array:
    """The values of the first feature that follow each place of a window.

    Args:
        values: float `[batch, window + horizon or more, features]`.
        window: steps of it that are known.
        horizon: how many follow a place.
        places: how many; the last is the window's end.
        stride: steps between two places.

    Returns:
        float `[batch, places, horizon]`.
    """
    first = window - stride * (places - 1)
    # Slices: a gather of the same costs ten times as much on CPU.
    steps = [values[:, first + k : window + k + 1 : stride, 0] for k in range(horizon)]
    return jnp.stack(steps, axis=-1)


def interval_loss(said: Forecast, truth: jax.Array) -> jax.Array:
    """The sum of both ends' quantile losses, float `[...]`, least where they are the quantiles.

    Args:
        said: leaves `[...]`, ends among them.
        truth: float `[...]`.

    Source: Koenker and Bassett 1978, "Regression quantiles", eq. 2.1.
    """

    def pinball(end: jax.Array, quantile: float) -> Any:
        error = truth - end
        return jnp.maximum(quantile * error, (quantile - 1.0) * error)

    assert said.low is not None and said.high is not None
    low, high = QUANTILES
    return pinball(said.low, low) + pinball(said.high, high)
