"""A convolutional net of fewer than 100,000 parameters tells ten kinds of clothing apart.

Three 3 × 3 convolutions (32, 64 and 96 channels), each followed by a pooling, and the logits:
82,858 parameters. Images are mirrored and moved by a pixel, and a moving average of the parameters
is what is measured. The data set's own table has .925 for two convolutions of this size.

Run: python launch.py run vision/fashion_mnist_small
Expected: test accuracy at least .925 (.925 in the README of fashion-mnist)
Time: 10 min
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated

import jax

from research.data.augmentation import flip, shift
from research.data.order import shuffled_rows, steps_per_epoch
from research.data.tfds_split import TfdsSplit
from research.engine.experiment import Data, Experiment, Hyperparameters, Key
from research.engine.hyperparameters import floats
from research.optimization.policy import PolicyName
from research.ranges import AMOUNT, COUNT, FRACTION, POSITIVE, Range, out_of_range, undivided
from research.vision.classification import Report, make_classifier
from research.vision.models import SmallCNN


@dataclass(frozen=True)
class Config:
    """What can be chosen."""

    epochs: Annotated[int, "passes over the training images"] = 20
    warmup_epochs: Annotated[int, "of these, passes in which the learning rate rises"] = 2
    batch_size: Annotated[int, "images in one update"] = 128
    groups: Annotated[int, "equal parts of a batch, which devices can share"] = 8
    examples: Annotated[int, "training images, the first of the file"] = 55_000
    channels: Annotated[
        int, "channels of the first convolution; the next have 2 and 3 times as many"
    ] = 32
    shift: Annotated[int, "pixels that an image is moved by at most, along each axis"] = 1
    policy: Annotated[PolicyName, "what the net computes in; parameters stay float32"] = "float32"
    report: Annotated[Report, "whose figures count: the last checkpoint, or the best by"] = "last"
    learning_rate: Annotated[float, "AdamW's largest step size"] = 4e-3
    weight_decay: Annotated[float, "AdamW's decoupled weight decay"] = 1e-2
    dropout_rate: Annotated[float, "share of the features dropped before the logits"] = 0.2
    label_smoothing: Annotated[float, "share of the target spread over all classes"] = 0.0
    average_decay: Annotated[float, "decay of the parameters' moving average"] = 0.999


def validate(config: Config) -> list[str]:
    """What is out of range, a message each."""
    problems = out_of_range(
        config,
        {
            "epochs": COUNT,
            "warmup_epochs": Range(0, config.epochs),
            "batch_size": Range(1, config.examples),
            "examples": Range(1, 55_000),
            "channels": COUNT,
            "shift": Range(0, 27),
            "groups": COUNT,
            "learning_rate": POSITIVE,
            "weight_decay": AMOUNT,
            "dropout_rate": FRACTION,
            "label_smoothing": FRACTION,
            "average_decay": FRACTION,
        },
    )
    return problems + undivided("groups", config, "batch_size")


def smoke(config: Config) -> Config:
    """Thirty updates of a narrow net."""
    return replace(config, epochs=2, warmup_epochs=1, batch_size=32, examples=480, channels=4)


def make(config: Config) -> Experiment:
    """A small convolutional classifier of `fashion_mnist`."""
    epoch = steps_per_epoch(config.examples, config.batch_size)

    def augment(image: jax.Array, key: Key, values: Hyperparameters) -> jax.Array:
        del values
        flip_key, shift_key = jax.random.split(key)
        return shift(flip(image, flip_key), shift_key, config.shift)

    return make_classifier(
        SmallCNN(
            stages=((config.channels,), (2 * config.channels,), (3 * config.channels,)),
            dense=(),
            images=config.epochs * config.examples,
        ),
        Data(
            splits={
                "train": TfdsSplit("fashion_mnist", f"train[:{config.examples}]"),
                "validation": TfdsSplit("fashion_mnist", "train[55000:]"),
                "test": TfdsSplit("fashion_mnist", "test"),
            },
            rows=shuffled_rows(config.examples, config.batch_size),
            evaluation_batch_size=500,
        ),
        floats(config),
        image_shape=(28, 28, 1),
        white=255,
        steps=config.epochs * epoch,
        batch_size=config.batch_size,
        groups=config.groups,
        optimizer="adamw",
        schedule="warmup_cosine",
        warmup_steps=config.warmup_epochs * epoch,
        augment=augment,
        evaluate_every=epoch,
        policy=config.policy,
        report=config.report,
    )
