"""What experiments share that learn from batches of examples by the gradient of a loss."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import optax

from research.engine.experiment import Batch, Hyperparameters, Key
from research.engine.metrics import Metrics
from research.optimization.descent import (
    Trained,
    WeightedLoss,
    apply_gradient,
    begin_training,
    make_gradient,
    update_average,
)
from research.optimization.optimizers import OptimizerName, ScheduleName, make_optimizer
from research.optimization.precision import PRECISIONS, PrecisionName

Variables: TypeAlias = Mapping[str, Any]
"""What a flax module is applied to: "params", and "batch_stats" where it keeps running averages."""

SupervisedLoss: TypeAlias = Callable[[Variables, Batch, Key, Hyperparameters], WeightedLoss]
"""(variables, rows of a batch, key, hyperparameters) -> the loss in training, where the changed
"batch_stats" are the `statistics`."""


class SupervisedState(NamedTuple):
    """All that the next update depends on.

    Attributes:
        params: of the model, float32.
        average: a moving average of the parameters, to evaluate with; None where none is kept.
        statistics: the model's running averages ("batch_stats"); empty where it keeps none.
        step: int32 scalar, updates done.
    """

    params: Any
    opt_state: Any
    average: Any
    statistics: Any
    step: jax.Array
    hyperparameters: Hyperparameters


class Fitting(NamedTuple):
    """How a model is fitted, whatever its loss.

    Attributes:
        steps: updates in the run.
        optimizer: see `make_optimizer`.
        schedule: see `make_schedule`.
        warmup_steps: see `make_schedule`.
        precision: `float32` or `bfloat16`, what the model computes in.
        groups: equal parts of a batch that its gradient is summed over, which devices can share.
            Batch normalisation sees one group at a time (Hoffer et al. 2017, "ghost batch
            normalization"); its running averages are the mean over groups.
    """

    steps: int
    optimizer: OptimizerName = "adam"
    schedule: ScheduleName = "constant"
    warmup_steps: int = 0
    precision: PrecisionName = "float32"
    groups: int = 1


class Supervised(NamedTuple):
    """What `make_supervised` makes.

    Attributes:
        init: as `Experiment.init`.
        learn: (state, rows, key) -> (state, metrics, what the loss keeps of each row); `rows` are
            cut into groups.
        update: the first two of these.
        reported: state -> the variables to evaluate with, the average where one is kept.
    """

    init: Callable[[Key, Hyperparameters], SupervisedState]
    learn: Callable[[SupervisedState, Batch, Key], tuple[SupervisedState, Metrics, Any]]
    update: Callable[[SupervisedState, Batch, Key], tuple[SupervisedState, Metrics]]
    reported: Callable[[SupervisedState], dict[str, Any]]


def make_supervised(
    init_model: Callable[[Key], Variables], loss: SupervisedLoss, fitting: Fitting
) -> Supervised:
    """Fits a model by gradients of its loss.

    Args:
        init_model: key -> the variables at the start.
        loss: is given variables in the dtype that the model computes in.
        fitting: how. Hyper-parameters are those of `make_optimizer`, and with `average_decay` a
            moving average of the parameters is what is evaluated.
    """
    precision = PRECISIONS[fitting.precision]

    def optimizer_of(values: Hyperparameters) -> optax.GradientTransformation:
        return make_optimizer(
            fitting.optimizer, values, fitting.steps, fitting.schedule, fitting.warmup_steps
        )

    def variables_of(params: Any, statistics: Any) -> dict[str, Any]:
        kept = {"batch_stats": statistics} if statistics else {}
        return {"params": precision.for_compute(params), **kept}

    def init(key: Key, hyperparameters: Hyperparameters) -> SupervisedState:
        variables = init_model(key)
        params = variables.get("params", {})
        return SupervisedState(
            **begin_training(params, optimizer_of(hyperparameters))._asdict(),
            # A copy: an array that appeared twice in a donated state could not be given back.
            average=jax.tree.map(jnp.copy, params) if "average_decay" in hyperparameters else None,
            statistics=variables.get("batch_stats", ()),
            step=jnp.int32(0),
            hyperparameters=hyperparameters,
        )

    def learn(
        state: SupervisedState, rows: Batch, key: Key
    ) -> tuple[SupervisedState, Metrics, Any]:
        values = state.hyperparameters

        def of_rows(params: Any, rows: Batch, key: Key) -> WeightedLoss:
            return loss(variables_of(params, state.statistics), rows, key, values)

        gradient, metrics, statistics, kept = make_gradient(of_rows, fitting.groups)(
            state.params, rows, key
        )
        trained = Trained(state.params, state.opt_state)
        trained = apply_gradient(trained, gradient, optimizer_of(values))
        average = state.average
        if average is not None:
            average = update_average(average, trained.params, values["average_decay"], state.step)
        state = SupervisedState(*trained, average, statistics, state.step + 1, values)
        return state, metrics, kept

    def update(state: SupervisedState, rows: Batch, key: Key) -> tuple[SupervisedState, Metrics]:
        state, metrics, _ = learn(state, rows, key)
        return state, metrics

    def reported(state: SupervisedState) -> dict[str, Any]:
        params = state.params if state.average is None else state.average
        return variables_of(params, state.statistics)

    return Supervised(init, learn, update, reported)
