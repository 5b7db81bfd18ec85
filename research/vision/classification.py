"""Image classification as an experiment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Literal, TypeAlias

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
from research.optimization.accumulation import WeightedLoss
from research.optimization.optimizers import OptimizerName
from research.optimization.policy import POLICIES, PolicyName
from research.optimization.schedules import ScheduleName
from research.optimization.supervised import (
    Fitting,
    SupervisedState,
    Variables,
    make_supervised,
)
from research.vision.pictures import make_pictures

Augmentation: TypeAlias = Callable[[jax.Array, Key, Hyperparameters], jax.Array]
"""(image `[height, width, channels]` float32, key, hyperparameters) -> such an image."""


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

    def logits_of(variables: Variables, image: jax.Array) -> jax.Array:
        logits = model.apply(variables, numerics.for_compute(image), training=False)
        return numerics.for_loss(logits)

    def scaled(image: jax.Array) -> jax.Array:
        return image.astype(jnp.float32) / white

    def init_model(key: Key) -> Variables:
        return model.init(key, jnp.zeros((1, *image_shape), jnp.float32), training=False)

    def loss(variables: Variables, rows: Batch, key: Key, values: Hyperparameters) -> WeightedLoss:
        image = scaled(rows["image"])
        if augment is not None:
            keys = jax.random.wrap_key_data(rows["key"])
            image = jax.vmap(augment, in_axes=(0, 0, None))(image, keys, values)
        logits, changed = model.apply(
            variables,
            numerics.for_compute(image),
            training=True,
            dropout_rate=values.get("dropout_rate", 0.0),
            rngs={"dropout": key},
            mutable=["batch_stats"],
        )
        smoothing = values.get("label_smoothing", jnp.float32(0.0))
        seen = _weighted_loss(numerics.for_loss(logits), rows["label"], rows["weight"], smoothing)
        return seen._replace(statistics=changed.get("batch_stats", ()))

    how = Fitting(steps, optimizer, schedule, warmup_steps, policy, groups)
    fitted = make_supervised(init_model, loss, how)

    def update(state: SupervisedState, batch: Batch, key: Key) -> tuple[SupervisedState, Metrics]:
        augment_key, dropout_key = jax.random.split(key)
        rows = {name: batch[name] for name in ("image", "label", "weight")}
        if augment is not None:
            numbers = jnp.arange(batch["image"].shape[0])
            keys = jax.vmap(partial(jax.random.fold_in, augment_key))(numbers)
            rows["key"] = jax.random.key_data(keys)
        return fitted.update(state, rows, dropout_key)

    def evaluate(state: SupervisedState, batch: Batch, key: Key) -> Metrics:
        del key
        logits = logits_of(fitted.reported(state), scaled(batch["image"]))
        return _weighted_loss(logits, batch["label"], batch["weight"], 0.0).metrics

    def artifacts(state: SupervisedState, evaluation: Evaluation, key: Key) -> dict[str, Artifact]:
        split = next(name for name in ("test", "validation", *data.splits) if name in data.splits)
        variables = fitted.reported(state)

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
        init=fitted.init,
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
