"""A multilayer perceptron reads handwritten digits.

Two hidden layers of 300 and 100, as in Géron's chapter 10, trained by Adam with a rate that falls
to nothing by cosine, with a little dropout.

Run: python launch.py run vision/mnist_mlp
Expected: test accuracy .98
Time: 25 s
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
from research.vision.models import MultilayerPerceptron


@dataclass(frozen=True)
class Config:
    """What can be chosen."""

    epochs: Annotated[int, "passes over the training images"] = 20
    batch_size: Annotated[int, "images in one update"] = 128
    groups: Annotated[int, "equal parts of a batch, which devices can share"] = 8
    examples: Annotated[int, "training images, the first of the file"] = 55_000
    first_units: Annotated[int, "units of the first hidden layer"] = 300
    second_units: Annotated[int, "units of the second hidden layer"] = 100
    policy: Annotated[PolicyName, "what the net computes in; parameters stay float32"] = "float32"
    report: Annotated[Report, "whose figures count: the last checkpoint, or the best by"] = "last"
    learning_rate: Annotated[float, "Adam's step size at the start, falling by cosine"] = 1e-3
    dropout_rate: Annotated[float, "share of hidden units dropped"] = 0.2


def validate(config: Config) -> list[str]:
    """What is out of range, a message each."""
    problems = out_of_range(
        config,
        {
            "epochs": COUNT,
            "batch_size": Range(1, config.examples),
            "examples": Range(1, 55_000),
            "first_units": COUNT,
            "second_units": COUNT,
            "groups": COUNT,
            "learning_rate": POSITIVE,
            "dropout_rate": FRACTION,
        },
    )
    return problems + undivided("groups", config, "batch_size")


def smoke(config: Config) -> Config:
    """Thirty updates of a narrow net."""
    small = replace(config, epochs=2, batch_size=32, examples=480)
    return replace(small, first_units=16, second_units=8)


def make(config: Config) -> Experiment:
    """A multilayer perceptron for `mnist`."""
    epoch = steps_per_epoch(config.examples, config.batch_size)
    return make_classifier(
        MultilayerPerceptron((config.first_units, config.second_units)),
        Data(
            splits={
                "train": TfdsSplit("mnist", f"train[:{config.examples}]"),
                "validation": TfdsSplit("mnist", "train[55000:]"),
                "test": TfdsSplit("mnist", "test"),
            },
            rows=shuffled_rows(config.examples, config.batch_size),
        ),
        floats(config),
        image_shape=(28, 28, 1),
        white=255,
        steps=config.epochs * epoch,
        batch_size=config.batch_size,
        groups=config.groups,
        optimizer="adam",
        schedule="cosine",
        evaluate_every=epoch,
        policy=config.policy,
        report=config.report,
    )
