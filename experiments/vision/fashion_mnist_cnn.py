"""The convolutional net of Géron's chapter 14 tells ten kinds of clothing apart.

Five convolutions (7 × 7 × 64, two 3 × 3 × 128, two 3 × 3 × 256) with three poolings between, and
dense layers of 128 and 64: 1,413,834 parameters. The source trained ten epochs with Nadam at a
constant rate and dropout .5, and reached .9117 on the test set (.9188 in validation). Here the rate
rises for one epoch and falls to nothing by cosine and dropout is .25, which takes fewer epochs.

Run: python launch.py run vision/fashion_mnist_cnn
Expected: test accuracy at least .915 (.9117 in Géron, 3rd edition, chapter 14)
Time: 10 min
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated

from research.data.order import shuffled_rows, steps_per_epoch
from research.data.tfds_split import TfdsSplit
from research.engine.experiment import Data, Experiment
from research.engine.hyperparameters import floats
from research.optimization.policy import PolicyName
from research.ranges import COUNT, FRACTION, POSITIVE, Range, out_of_range, undivided
from research.vision.classification import Report, make_classifier
from research.vision.models import chapter_14_cnn


@dataclass(frozen=True)
class Config:
    """What can be chosen."""

    epochs: Annotated[int, "passes over the training images"] = 6
    warmup_epochs: Annotated[int, "of these, passes in which the learning rate rises"] = 1
    batch_size: Annotated[int, "images in one update"] = 128
    groups: Annotated[int, "equal parts of a batch, which devices can share"] = 8
    examples: Annotated[int, "training images, the first of the file"] = 55_000
    channels: Annotated[
        int, "channels of the first convolution; the next have 2 and 4 times as many"
    ] = 64
    policy: Annotated[PolicyName, "what the net computes in; parameters stay float32"] = "float32"
    report: Annotated[Report, "whose figures count: the last checkpoint, or the best by"] = "last"
    learning_rate: Annotated[float, "Nadam's largest step size"] = 2e-3
    dropout_rate: Annotated[float, "share of the units dropped in both dense layers"] = 0.25


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
            "groups": COUNT,
            "learning_rate": POSITIVE,
            "dropout_rate": FRACTION,
        },
    )
    return problems + undivided("groups", config, "batch_size")


def smoke(config: Config) -> Config:
    """Thirty updates of a narrow net."""
    return replace(config, epochs=2, warmup_epochs=1, batch_size=32, examples=480, channels=4)


def make(config: Config) -> Experiment:
    """The chapter's classifier of `fashion_mnist`."""
    epoch = steps_per_epoch(config.examples, config.batch_size)
    return make_classifier(
        chapter_14_cnn(config.channels, images=config.epochs * config.examples),
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
        optimizer="nadam",
        schedule="warmup_cosine",
        warmup_steps=config.warmup_epochs * epoch,
        evaluate_every=epoch,
        policy=config.policy,
        report=config.report,
    )
