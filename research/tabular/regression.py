"""Regression of one number from the raw columns of a table, as an experiment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax

from research.data.features.statistics import Statistics
from research.data.order import shuffled_rows, steps_per_epoch
from research.engine import metrics
from research.engine.experiment import (
    Batch,
    Data,
    Experiment,
    Hyperparameters,
    Key,
    Selection,
    Source,
)
from research.engine.metrics import Metrics
from research.optimization.descent import WeightedLoss
from research.optimization.supervised import Fitting, SupervisedState, Variables, make_supervised
from research.options.config import Config
from research.options.ranges import COUNT, POSITIVE, Divides
from research.prediction import Inputs, Outputs, Predictor, Quantities
from research.tabular.own_row import TAKES, read_row

EVALUATED = 512
"""Rows in one batch of an evaluation; the last one is padded."""


@dataclass(frozen=True)
class TableLearning(Config):
    """Options of every net that learns from a table."""

    epochs: Annotated[int, "passes over the training rows", COUNT] = 20
    batch_size: Annotated[int, "rows in one update", COUNT] = 32
    groups: Annotated[
        int, "equal parts of a batch, which devices can share", COUNT, Divides(("batch_size",))
    ] = 8
    learning_rate: Annotated[
        float, "Adam's step size at the start, falling by cosine", POSITIVE
    ] = 3e-3


@dataclass(frozen=True)
class TableRegression(TableLearning):
    """Options of every net that predicts a number from a table's columns."""

    @property
    def headline(self) -> str:
        """The figure of the book."""
        return "test/mse"


@dataclass(frozen=True)
class Target:
    """What is predicted.

    Attributes:
        column: that it stands in.
        unit: how many of that column's are 1 to the net, and in all figures.
        name: what a user calls it, with its unit.
    """

    column: str
    unit: float
    name: str


def data_of(splits: Mapping[str, Source], batch_size: int) -> tuple[Data | None, int]:
    """What is fed, and the updates in an epoch; None and 1 where there is nothing to learn from."""
    if not splits:
        return None, 1
    examples = len(splits["train"])
    rows = shuffled_rows(examples, batch_size)
    return Data(splits, rows, None, EVALUATED), steps_per_epoch(examples, batch_size)


def make_regression(
    config: TableLearning,
    net: nn.Module,
    columns: Sequence[str],
    target: Target,
    splits: Mapping[str, Source],
    statistics: Statistics,
    categories: Mapping[str, tuple[str, ...]] = MappingProxyType({}),
) -> Experiment:
    """An experiment that predicts a number by least squares.

    Figures are `mse` and `mae`. The checkpoint with the least error in validation is reported.

    Args:
        config: the options.
        net: called with raw columns, name -> float32 `[batch]`; gives `[batch]`. All preparation is
            inside, and with it the statistics, which the run keeps.
        columns: that it reads; NaN stands for what is missing.
        target: what is predicted.
        splits: sources with these columns; none for an experiment that is only used.
        statistics: fitted to the training split.
        categories: as `Predictor.categories`.
    """
    example = {name: jax.ShapeDtypeStruct((1,), jnp.float32) for name in columns}
    data, epoch = data_of(splits, config.batch_size)

    def raw(batch: Batch) -> dict[str, jax.Array]:
        return {name: batch[name] for name in columns}

    def init_model(key: Key) -> Variables:
        return net.init(key, {name: jnp.ones(one.shape) for name, one in example.items()})

    def errors(variables: Variables, rows: Batch) -> jax.Array:
        difference: jax.Array = net.apply(variables, raw(rows)) - rows[target.column] / target.unit
        return difference

    def loss(variables: Variables, rows: Batch, key: Key, values: Hyperparameters) -> WeightedLoss:
        del key, values
        squared, weight = jnp.square(errors(variables, rows)), rows["weight"]
        seen: Metrics = {"mse": metrics.mean(squared, weight)}
        return WeightedLoss(jnp.sum(weight * squared), jnp.sum(weight), seen)

    steps = config.epochs * epoch
    fitting = Fitting(steps, "adam", "cosine", groups=config.groups)
    fitted = make_supervised(init_model, loss, fitting)

    def evaluate(state: SupervisedState, batch: Batch, key: Key) -> Metrics:
        del key
        error, weight = errors(fitted.reported(state), batch), batch["weight"]
        return {
            "mse": metrics.mean(optax.losses.squared_error(error), weight),
            "mae": metrics.mean(jnp.abs(error), weight),
        }

    def predict(state: SupervisedState, inputs: Inputs) -> Outputs:
        return {"mean": net.apply(fitted.reported(state), raw(inputs))[:, None]}

    def split(batch: Batch) -> tuple[Inputs, np.ndarray]:
        truth = np.asarray(batch[target.column]) / np.float32(target.unit)
        return raw(batch), truth[:, None]

    return Experiment(
        init=fitted.init,
        update=fitted.update,
        evaluate=evaluate,
        steps=steps,
        items_per_step=config.batch_size,
        items="rows",
        data=data,
        groups=config.groups,
        evaluate_every=epoch,
        final=("validation", "test"),
        selection=Selection("validation/mse", larger_is_better=False),
        offers={
            "predict": Predictor(
                apply=predict,
                examples=example,
                outputs=Quantities((target.name,)),
                split=split,
                read=lambda word: read_row(word, columns, categories),
                takes=TAKES,
                missing=True,
                categories=categories,
            )
        },
        needs={"statistics": statistics.keep()},
    )
