"""Regression of California's house values from exchangeable parts, as an experiment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Annotated, Any, NamedTuple, Self

import jax
import jax.numpy as jnp
import optax

from research.data.districts import FEATURES
from research.data.order import steps_per_epoch
from research.engine import metrics
from research.engine.experiment import Batch, Experiment, Hyperparameters, Key
from research.engine.metrics import Metrics
from research.optimization.descent import (
    Trained,
    WeightedLoss,
    apply_gradient,
    begin_training,
    make_gradient,
)
from research.options.config import Config
from research.options.ranges import COUNT, FIXED, POSITIVE, Divides
from research.tour.housing import housing_data, read_housing
from research.tour.losses import huber

NEAR = 0.5
"""`within` is the share of predictions that are no further off: 50,000 dollars."""


class Parts(NamedTuple):
    """What a regression is made of: pure functions, each of which can be put in another's place.

    Attributes:
        init: (key, hidden units) -> parameters.
        apply: (parameters, `[batch, features]`) -> predictions `[batch]`.
        loss: (predictions, values) -> the loss of each.
        penalty: (parameters, hyperparameters) -> what is added to the mean loss, a scalar.
        optimizer: hyperparameters -> the optimiser.
        project: parameters after a step -> the nearest that are allowed.
    """

    init: Callable[[Key, int], Any]
    apply: Callable[[Any, jax.Array], jax.Array]
    loss: Callable[[jax.Array, jax.Array], jax.Array]
    optimizer: Callable[[Hyperparameters], optax.GradientTransformation]
    penalty: Callable[[Any, Hyperparameters], jax.Array] = lambda params, values: jnp.float32(0.0)
    project: Callable[[Any], Any] = lambda params: params


class State(NamedTuple):
    """All that the next update depends on."""

    trained: Trained
    hyperparameters: Hyperparameters


@dataclass(frozen=True)
class HousingRegression(Config):
    """Options of a small net that predicts house values."""

    parts: Annotated[Parts, "what it is made of", FIXED]
    epochs: Annotated[int, "passes over the training districts", COUNT] = 2
    batch_size: Annotated[int, "districts in one update", COUNT] = 32
    groups: Annotated[
        int, "equal parts of a batch, which devices can share", COUNT, Divides(("batch_size",))
    ] = 8
    units: Annotated[int, "hidden units", COUNT] = 30
    learning_rate: Annotated[float, "the optimiser's step size", POSITIVE] = 1e-3

    @property
    def headline(self) -> str:
        """The figure of the book."""
        return "validation/loss"

    def smoke(self) -> Self:
        """Some twenty updates of a narrow net."""
        return replace(self, epochs=1, batch_size=512, units=4)

    def make(self) -> Experiment:
        """Three pure functions.

        Raises:
            Mistake: the data set is not prepared.
        """
        splits, parts = read_housing(), self.parts
        epoch = steps_per_epoch(len(splits["train"].y), self.batch_size)

        def init(key: Key, values: Hyperparameters) -> State:
            params = parts.init(key, self.units)
            return State(begin_training(params, parts.optimizer(values)), values)

        def update(state: State, batch: Batch, key: Key) -> tuple[State, Metrics]:
            values = state.hyperparameters

            def loss(params: Any, rows: Batch, key: Key) -> WeightedLoss:
                del key
                predicted = parts.apply(params, rows["x"])
                total, weight = metrics.mean(parts.loss(predicted, rows["y"]), rows["weight"])
                seen: Metrics = {"loss": metrics.Mean(total, weight)}
                return WeightedLoss(total + weight * parts.penalty(params, values), weight, seen)

            found = make_gradient(loss, self.groups)(state.trained.params, batch, key)
            trained = apply_gradient(state.trained, found.gradient, parts.optimizer(values))
            trained = trained._replace(params=parts.project(trained.params))
            return State(trained, values), found.metrics

        def evaluate(state: State, batch: Batch, key: Key) -> Metrics:
            del key
            predicted = parts.apply(state.trained.params, batch["x"])
            return measures(predicted, batch["y"], batch["weight"])

        return Experiment(
            init=init,
            update=update,
            evaluate=evaluate,
            steps=self.epochs * epoch,
            items_per_step=self.batch_size,
            items="districts",
            data=housing_data(splits, self.batch_size),
            groups=self.groups,
            evaluate_every=epoch,
            final=("validation", "test"),
        )


def measures(predicted: jax.Array, value: jax.Array, weight: jax.Array) -> Metrics:
    """Of one batch: Huber's loss, errors in units of 100,000 dollars, and the share `within`."""
    error = predicted - value
    return {
        "loss": metrics.mean(huber(predicted, value), weight),
        "mae": metrics.mean(jnp.abs(error), weight),
        "mse": metrics.mean(error**2, weight),
        "within": metrics.mean(jnp.abs(error) <= NEAR, weight),
    }


def init_features() -> jax.Array:
    """A batch of one, for nets that are made by the shape of what they are given."""
    return jnp.zeros((1, len(FEATURES)))
