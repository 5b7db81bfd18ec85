"""Image classification as an experiment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Literal, NamedTuple, TypeAlias

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

from research.data.names import class_names
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
from research.optimization.accumulation import WeightedLoss, make_gradient
from research.optimization.averaging import update_average
from research.optimization.optimizers import OptimizerName, make_optimizer
from research.optimization.policy import POLICIES, PolicyName
from research.optimization.schedules import ScheduleName
from research.vision.pictures import make_pictures

Augmentation: TypeAlias = Callable[[jax.Array, Key, Hyperparameters], jax.Array]
"""(image `[height, width, channels]` float32, key, hyperparameters) -> such an image."""


class ClassifierState(NamedTuple):
    """All that the next update depends on.

    Attributes:
        params: of the model, float32.
        opt_state: of the optimiser.
        average: a moving average of the parameters, to evaluate with; None where none is kept.
        statistics: the model's running averages ("batch_stats"); empty where it keeps none.
        step: int32 scalar, updates done.
        hyperparameters: name -> float32 scalar.
    """

    params: Any
    opt_state: Any
    average: Any
    statistics: Any
    step: jax.Array
    hyperparameters: Hyperparameters


Report: TypeAlias = Literal["last", "validation/accuracy", "validation/loss"]
"""Which checkpoint a run reports: the last, or the best by a figure of the validation split."""

SELECTIONS: dict[Report, Selection | None] = {
    "last": None,
    "validation/accuracy": Selection("validation/accuracy"),
    "validation/loss": Selection("validation/loss", larger_is_better=False),
}


def make_classifier(
    model: nn.Module,
    data: Data,
    hyperparameters: Mapping[str, float],
    *,
    image_shape: tuple[int, int, int],
    white: int,
    steps: int,
    batch_size: int,
    optimizer: OptimizerName = "adam",
    schedule: ScheduleName = "constant",
    warmup_steps: int = 0,
    augment: Augmentation | None = None,
    policy: PolicyName = "float32",
    groups: int = 1,
    evaluate_every: int = 1,
    report: Report = "last",
) -> Experiment:
    """An experiment that trains `model` by cross-entropy.

    A batch holds `image` (uint8 `[batch, height, width, channels]`), `label` (int `[batch]`) and
    `weight` (float32 `[batch]`, 0 for padding, which then counts nothing). Its metrics are `loss`
    (nats; in training with label smoothing) and `accuracy`, means over examples.

    Args:
        model: called with images in [0, 1], `training` and `dropout_rate`; draws its dropout from
            the stream "dropout"; gives logits `[batch, classes]`.
        data: what is fed.
        hyperparameters: those of `make_optimizer`, and where they are named: `dropout_rate`,
            `label_smoothing` (Szegedy et al. 2016, section 7), `average_decay` (then the moving
            average of the parameters is what is evaluated), and what `augment` reads.
        image_shape: height, width, channels.
        white: the pixel value that becomes 1.
        steps: updates in the run.
        batch_size: examples in an update.
        optimizer: see `make_optimizer`.
        schedule: see `make_schedule`.
        warmup_steps: see `make_schedule`.
        augment: changes each training image, with a key of its own.
        policy: `float32` or `bfloat16`, what the model computes in.
        groups: equal parts of a batch that its gradient is summed over, which devices can share.
            Batch normalisation sees one group at a time (Hoffer et al. 2017, "ghost batch
            normalization"); its running averages are the mean over groups.
        evaluate_every: steps between evaluations.
        report: which checkpoint is reported.
    """
    numerics = POLICIES[policy]

    def optimizer_of(values: Hyperparameters) -> optax.GradientTransformation:
        return make_optimizer(optimizer, values, steps, schedule, warmup_steps)

    def variables_of(params: Any, statistics: Any) -> dict[str, Any]:
        kept = {"batch_stats": statistics} if statistics else {}
        return {"params": numerics.for_compute(params), **kept}

    def logits_of(variables: Any, image: jax.Array) -> jax.Array:
        logits = model.apply(variables, numerics.for_compute(image), training=False)
        return numerics.for_loss(logits)

    def reported(state: ClassifierState) -> dict[str, Any]:
        params = state.params if state.average is None else state.average
        return variables_of(params, state.statistics)

    def scaled(image: jax.Array) -> jax.Array:
        return image.astype(jnp.float32) / white

    def init(key: Key, hyperparameters: Hyperparameters) -> ClassifierState:
        example = jnp.zeros((1, *image_shape), jnp.float32)
        variables = model.init(key, example, training=False)
        params = variables["params"]
        return ClassifierState(
            params=params,
            opt_state=optimizer_of(hyperparameters).init(params),
            # A copy: an array that appeared twice in a donated state could not be given back.
            average=jax.tree.map(jnp.copy, params) if "average_decay" in hyperparameters else None,
            statistics=variables.get("batch_stats", {}),
            step=jnp.int32(0),
            hyperparameters=hyperparameters,
        )

    def update(state: ClassifierState, batch: Batch, key: Key) -> tuple[ClassifierState, Metrics]:
        augment_key, dropout_key = jax.random.split(key)
        values = state.hyperparameters
        smoothing = values.get("label_smoothing", jnp.float32(0.0))
        rows = {"image": batch["image"], "label": batch["label"], "weight": batch["weight"]}
        if augment is not None:
            rows["number"] = jnp.arange(batch["image"].shape[0])

        def loss(params: Any, rows: Batch, key: Key) -> WeightedLoss:
            image = scaled(rows["image"])
            if augment is not None:
                each = jax.vmap(partial(jax.random.fold_in, augment_key))(rows["number"])
                image = jax.vmap(augment, in_axes=(0, 0, None))(image, each, values)
            logits, changed = model.apply(
                variables_of(params, state.statistics),
                numerics.for_compute(image),
                training=True,
                dropout_rate=values.get("dropout_rate", 0.0),
                rngs={"dropout": key},
                mutable=["batch_stats"],
            )
            seen = _weighted_loss(
                numerics.for_loss(logits), rows["label"], rows["weight"], smoothing
            )
            return seen._replace(statistics=changed.get("batch_stats", {}))

        gradient, seen, statistics = make_gradient(loss, groups)(state.params, rows, dropout_key)
        updates, opt_state = optimizer_of(values).update(gradient, state.opt_state, state.params)
        params = optax.apply_updates(state.params, updates)
        average = state.average
        if average is not None:
            average = update_average(average, params, values["average_decay"], state.step)
        state = ClassifierState(params, opt_state, average, statistics, state.step + 1, values)
        return state, seen

    def evaluate(state: ClassifierState, batch: Batch, key: Key) -> Metrics:
        del key
        logits = logits_of(reported(state), scaled(batch["image"]))
        return _weighted_loss(logits, batch["label"], batch["weight"], 0.0).metrics

    def artifacts(state: ClassifierState, evaluation: Evaluation, key: Key) -> dict[str, Artifact]:
        split = next(name for name in ("test", "validation", *data.splits) if name in data.splits)
        variables = reported(state)

        def probabilities(variables: Any, image: jax.Array) -> jax.Array:
            return jax.nn.softmax(logits_of(variables, scaled(image)))

        classes = jax.eval_shape(
            probabilities, variables, jax.ShapeDtypeStruct((1, *image_shape), jnp.uint8)
        ).shape[-1]
        return make_pictures(
            model,
            probabilities,
            variables,
            evaluation(split),
            key,
            split=split,
            classes=class_names(data.splits[split], "label", classes),
            white=white,
            scaled=scaled,
        )

    return Experiment(
        init=init,
        update=update,
        evaluate=evaluate,
        steps=steps,
        items_per_step=batch_size,
        items="examples",
        hyperparameters=hyperparameters,
        data=data,
        groups=groups,
        evaluate_every=evaluate_every,
        selection=SELECTIONS[report],
        artifacts=artifacts,
    )


def _weighted_loss(
    logits: jax.Array, label: jax.Array, weight: jax.Array, smoothing: jax.Array | float
) -> WeightedLoss:
    one_hot = jax.nn.one_hot(label, logits.shape[-1])
    losses = optax.softmax_cross_entropy(logits, optax.smooth_labels(one_hot, smoothing))
    loss = metrics.mean(losses, weight)
    hits = metrics.mean(jnp.argmax(logits, axis=-1) == label, weight)
    return WeightedLoss(loss.total, loss.weight, {"loss": loss, "accuracy": hits})
