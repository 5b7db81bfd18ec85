"""Image classification as an experiment."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, ClassVar, Literal, TypeAlias

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax

from research.data.images import Images
from research.data.order import steps_per_epoch
from research.data.own_pictures import TAKES, read_picture
from research.engine import metrics
from research.engine.artifacts import Artifact
from research.engine.experiment import (
    Batch,
    Data,
    Evaluation,
    Experiment,
    Hyperparameters,
    Key,
    Needs,
    Selection,
)
from research.engine.metrics import Metrics
from research.optimization.descent import WeightedLoss, loss_and_accuracy
from research.optimization.optimizers import OptimizerName, ScheduleName
from research.optimization.precision import PRECISIONS, PrecisionName
from research.optimization.supervised import Fitting, SupervisedState, Variables, make_supervised
from research.options.config import Config
from research.options.ranges import COUNT, POSITIVE, Divides, Range, Since
from research.prediction import Classes, Inputs, Outputs, Predictor
from research.vision.classifier_pictures import make_pictures

Augmentation: TypeAlias = Callable[[jax.Array, Key, Hyperparameters], jax.Array]
"""(image `[height, width, channels]` float32, key, hyperparameters) -> such an image."""


Report: TypeAlias = Literal["last", "validation/accuracy", "validation/loss"]
"""The checkpoint that a run reports: the last, or the best by a figure of the validation split."""

SELECTIONS: dict[Report, Selection | None] = {
    "last": None,
    "validation/accuracy": Selection("validation/accuracy"),
    "validation/loss": Selection("validation/loss", larger_is_better=False),
}


@dataclass(frozen=True)
class ImageClassification(Config):
    """Options of every classifier of images."""

    epochs: Annotated[int, "passes over the training images", COUNT] = 20
    warmup_epochs: Annotated[
        int, "of these, passes in which the learning rate rises", Range(0, "epochs"), Since(0)
    ] = 0
    batch_size: Annotated[int, "images in one update", COUNT] = 128
    groups: Annotated[
        int, "equal parts of a batch, which devices can share", COUNT, Divides(("batch_size",))
    ] = 8
    policy: Annotated[PrecisionName, "what the net computes in; parameters stay float32"] = (
        "float32"
    )
    report: Annotated[
        Report, "the checkpoint that is reported: the last, or the best by a figure"
    ] = "last"
    learning_rate: Annotated[float, "the optimiser's largest step size", POSITIVE] = 1e-3

    optimizer: ClassVar[OptimizerName] = "adam"
    epochs_between_evaluations: ClassVar[int] = 1

    @property
    def schedule(self) -> ScheduleName:
        """The learning rate falls to 0 by cosine."""
        return "warmup_cosine" if self.warmup_epochs else "cosine"

    @abstractmethod
    def model(self, images: Images) -> nn.Module:
        """The net for these images: called with images in [0, 1], `training` and `dropout_rate`.

        It draws its dropout from the stream "dropout" and gives logits `[batch, classes]`.
        """

    @abstractmethod
    def images(self) -> Images:
        """The images that it is trained and measured on."""

    def augmentation(self) -> Augmentation | None:
        """Augments each training image, with a key of its own; None leaves it as it is."""
        return None

    def make(self) -> Experiment:
        """A classifier of these images."""
        return make_classifier(self, self.images())

    def make_to_use(self, needs: Needs) -> Experiment:
        """The same without images to learn from."""
        shape = tuple(needs["shape"])
        names, light = tuple(needs["classes"]), needs["light_on_dark"]
        kept = Images(Data({}), self.batch_size, shape, needs["white"], names, light)
        return make_classifier(self, kept)


def make_classifier(config: ImageClassification, images: Images) -> Experiment:
    """An experiment that trains a net by cross-entropy.

    A batch holds `image`, `label` and `weight` (float32 `[batch]`, 0 for padding, which then counts
    nothing). Its metrics are `loss` (nats; in training with label smoothing) and `accuracy`, means
    over examples.

    Beside those of `make_optimizer` these hyper-parameters count where the config has them:
    `dropout_rate`, `label_smoothing` (Szegedy et al. 2016, section 7), `average_decay` (then the
    moving average of the parameters is evaluated), and those of the augmentation.

    Batch normalisation sees one group of a batch at a time (Hoffer et al. 2017, "ghost batch
    normalization"); its running averages are the mean over groups.
    """
    model, augment = config.model(images), config.augmentation()
    data, white = images.data, images.white
    epoch = steps_per_epoch(images.examples, config.batch_size)
    steps = config.epochs * epoch
    precision = PRECISIONS[config.policy]

    def logits_of(variables: Variables, image: jax.Array) -> jax.Array:
        logits = model.apply(variables, precision.for_compute(image), training=False)
        return precision.for_loss(logits)

    def init_model(key: Key) -> Variables:
        return model.init(key, jnp.zeros((1, *images.shape), jnp.float32), training=False)

    def loss(variables: Variables, rows: Batch, key: Key, values: Hyperparameters) -> WeightedLoss:
        image = images.scaled(rows["image"])
        if augment is not None:
            keys = jax.random.wrap_key_data(rows["key"])
            image = jax.vmap(augment, in_axes=(0, 0, None))(image, keys, values)
        logits, changed = model.apply(
            variables,
            precision.for_compute(image),
            training=True,
            dropout_rate=values.get("dropout_rate", 0.0),
            rngs={"dropout": key},
            mutable=["batch_stats"],
        )
        smoothing = values.get("label_smoothing", jnp.float32(0.0))
        made = prediction_loss(precision.for_loss(logits), rows["label"], rows["weight"], smoothing)
        return made._replace(statistics=changed.get("batch_stats", ()))

    fitting = Fitting(
        steps,
        config.optimizer,
        config.schedule,
        config.warmup_epochs * epoch,
        config.policy,
        config.groups,
    )
    fitted = make_supervised(init_model, loss, fitting)

    def update(state: SupervisedState, batch: Batch, key: Key) -> tuple[SupervisedState, Metrics]:
        augment_key, dropout_key = jax.random.split(key)
        rows = {name: batch[name] for name in ("image", "label", "weight")}
        if augment is not None:
            rows_of_batch = jnp.arange(batch["image"].shape[0])
            keys = jax.vmap(partial(jax.random.fold_in, augment_key))(rows_of_batch)
            rows["key"] = jax.random.key_data(keys)
        return fitted.update(state, rows, dropout_key)

    def evaluate(state: SupervisedState, batch: Batch, key: Key) -> Metrics:
        del key
        logits = logits_of(fitted.reported(state), images.scaled(batch["image"]))
        label, weight = batch["label"], batch["weight"]
        taken = metrics.confusion(label, jnp.argmax(logits, axis=-1), logits.shape[-1], weight)
        return prediction_loss(logits, label, weight, 0.0).metrics | {"confusion": taken}

    def probabilities(variables: Variables, image: jax.Array) -> jax.Array:
        return jax.nn.softmax(logits_of(variables, images.scaled(image)))

    def predict(state: SupervisedState, inputs: Inputs) -> Outputs:
        return {"probability": probabilities(fitted.reported(state), inputs["image"])}

    def features(state: SupervisedState, image: jax.Array) -> jax.Array:
        return last_inputs(model, fitted.reported(state), images.scaled(image))

    def artifacts(state: SupervisedState, evaluation: Evaluation, key: Key) -> dict[str, Artifact]:
        split = next(name for name in ("test", "validation", *data.splits) if name in data.splits)
        return make_pictures(
            model,
            probabilities,
            fitted.reported(state),
            evaluation(split),
            key,
            split=split,
            classes=images.classes(),
            white=white,
            scaled=images.scaled,
        )

    needs = {
        "classes": images.names,
        "shape": images.shape,
        "white": white,
        "light_on_dark": images.light_on_dark,
    }
    return Experiment(
        init=fitted.init,
        update=update,
        evaluate=evaluate,
        steps=steps,
        items_per_step=config.batch_size,
        items="examples",
        data=data if data.splits else None,
        groups=config.groups,
        evaluate_every=config.epochs_between_evaluations * epoch,
        selection=SELECTIONS[config.report],
        artifacts=artifacts,
        offers={
            "features": features,
            "predict": Predictor(
                apply=predict,
                examples={"image": jax.ShapeDtypeStruct((1, *images.shape), jnp.uint8)},
                outputs=Classes(images.classes),
                split=lambda batch: ({"image": batch["image"]}, np.asarray(batch["label"])),
                read=lambda file: read_picture(file, images.shape, white, images.light_on_dark),
                takes=TAKES,
            ),
        },
        needs=needs if images.names else None,
    )


def last_inputs(model: nn.Module, variables: Variables, image: jax.Array) -> jax.Array:
    """The features that a net calculates its logits from: what its last dense layer is given.

    Args:
        model: called with `training=False`.
        variables: of the model.
        image: `[batch, height, width, channels]`, as the model is called.

    Returns:
        float32 `[batch, features]`.
    """
    inputs: list[jax.Array] = []

    def record(call: Any, arguments: Any, options: Any, context: Any) -> Any:
        if isinstance(context.module, nn.Dense) and context.method_name == "__call__":
            inputs.append(arguments[0])
        return call(*arguments, **options)

    with nn.intercept_methods(record):
        model.apply(variables, image, training=False)
    return inputs[-1].astype(jnp.float32)


def prediction_loss(
    logits: jax.Array, label: jax.Array, weight: jax.Array, smoothing: jax.Array | float
) -> WeightedLoss:
    """Cross-entropy, nats, of logits `[batch, classes]`, the labels smoothed."""
    one_hot = jax.nn.one_hot(label, logits.shape[-1])
    losses = optax.softmax_cross_entropy(logits, optax.smooth_labels(one_hot, smoothing))
    return loss_and_accuracy(losses, jnp.argmax(logits, axis=-1) == label, weight)
