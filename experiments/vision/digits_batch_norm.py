"""Batch normalisation in a net of eight convolutions, the same on any number of devices.

Each 3 × 3 convolution is normalised before its ReLU (Ioffe and Szegedy 2015); SGD at a rate of .2,
nothing else. Statistics are those of a group of the batch, as in Hoffer et al. 2017 ("ghost batch
normalization"): the number of groups is part of the run, the number of devices that share them is
not. Running averages, the mean over groups, are what is evaluated with. Without normalisation
(`--batch-norm no`) the same settings reached .956 (seed 0). The data are those of `digits_cnn`.

Run: python launch.py run vision/digits_batch_norm
Expected: test accuracy about .975
Time: 10 s
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated

from research.data.order import steps_per_epoch
from research.engine.experiment import Experiment
from research.engine.hyperparameters import floats
from research.optimization.policy import PolicyName
from research.ranges import COUNT, POSITIVE, Range, out_of_range, undivided
from research.vision.classification import Report, make_classifier
from research.vision.digits import SHAPE, TRAIN, WHITE, digits_data, move_a_little
from research.vision.models import SmallCNN


@dataclass(frozen=True)
class Config:
    """What can be chosen."""

    epochs: Annotated[int, "passes over the training images"] = 60
    warmup_epochs: Annotated[int, "of these, passes in which the learning rate rises"] = 6
    batch_size: Annotated[int, "images in one update"] = 128
    groups: Annotated[int, "equal parts of a batch, normalised each by itself"] = 8
    channels: Annotated[int, "channels of the first four convolutions; the others have twice"] = 16
    batch_norm: Annotated[bool, "whether convolutions are normalised"] = True
    policy: Annotated[PolicyName, "what the net computes in; parameters stay float32"] = "float32"
    report: Annotated[Report, "whose figures count: the last checkpoint, or the best by"] = "last"
    learning_rate: Annotated[float, "the largest step size of SGD"] = 0.2
    rotation: Annotated[float, "degrees that an image is turned by at most"] = 15.0
    scale: Annotated[float, "factor by which an image is enlarged or made smaller at most"] = 1.1
    shift: Annotated[float, "pixels that an image is moved by at most, along each axis"] = 1.0


def validate(config: Config) -> list[str]:
    """What is out of range, a message each."""
    problems = out_of_range(
        config,
        {
            "epochs": COUNT,
            "warmup_epochs": Range(0, config.epochs),
            "batch_size": Range(1, TRAIN),
            "groups": COUNT,
            "channels": COUNT,
            "learning_rate": POSITIVE,
            "rotation": Range(0, 180),
            "scale": Range(1, 4),
            "shift": Range(0, 8),
        },
    )
    return problems + undivided("groups", config, "batch_size")


def smoke(config: Config) -> Config:
    """Forty updates of a narrow net."""
    return replace(config, epochs=2, warmup_epochs=1, batch_size=64, channels=4)


def make(config: Config) -> Experiment:
    """A deep convolutional classifier of `encore_digits`."""
    epoch = steps_per_epoch(TRAIN, config.batch_size)
    return make_classifier(
        SmallCNN(
            stages=((config.channels,) * 4, (2 * config.channels,) * 4),
            dense=(),
            batch_norm=config.batch_norm,
            images=config.epochs * TRAIN,
        ),
        digits_data(config.batch_size),
        floats(config),
        image_shape=SHAPE,
        white=WHITE,
        steps=config.epochs * epoch,
        batch_size=config.batch_size,
        groups=config.groups,
        optimizer="sgd",
        schedule="warmup_cosine",
        warmup_steps=config.warmup_epochs * epoch,
        augment=move_a_little,
        evaluate_every=5 * epoch,
        policy=config.policy,
        report=config.report,
    )
