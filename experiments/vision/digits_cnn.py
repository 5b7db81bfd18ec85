"""A small convolutional net learns to read real handwritten digits, with no network at hand.

1,797 images of 8 × 8 pixels by 43 writers come with scikit-learn. The file keeps a writer's digits
together, so it is split in file order and the test set holds other hands than the training set:
1,280 images to train on, 157 to choose by, 360 to test. Four 3 × 3 convolutions see each image
turned, enlarged and moved a little, another way each time; a moving average of the parameters is
what is measured.

Run: python launch.py run vision/digits_cnn
Expected: test accuracy at least .985
Time: 10 s
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated

from research.data.order import steps_per_epoch
from research.engine.experiment import Experiment
from research.engine.hyperparameters import floats
from research.optimization.policy import PolicyName
from research.ranges import AMOUNT, COUNT, FRACTION, POSITIVE, Range, out_of_range, undivided
from research.vision.classification import Report, make_classifier
from research.vision.digits import SHAPE, TRAIN, WHITE, digits_data, move_a_little
from research.vision.models import SmallCNN


@dataclass(frozen=True)
class Config:
    """What can be chosen."""

    epochs: Annotated[int, "passes over the training images"] = 60
    warmup_epochs: Annotated[int, "of these, passes in which the learning rate rises"] = 6
    batch_size: Annotated[int, "images in one update"] = 64
    groups: Annotated[int, "equal parts of a batch, which devices can share"] = 8
    channels: Annotated[int, "channels of the first two convolutions; the next two have twice"] = 32
    policy: Annotated[PolicyName, "what the net computes in; parameters stay float32"] = "float32"
    report: Annotated[Report, "whose figures count: the last checkpoint, or the best by"] = "last"
    learning_rate: Annotated[float, "AdamW's largest step size"] = 3e-3
    weight_decay: Annotated[float, "AdamW's decoupled weight decay"] = 1e-2
    dropout_rate: Annotated[float, "share of hidden units dropped"] = 0.3
    label_smoothing: Annotated[float, "share of the target spread over all classes"] = 0.1
    average_decay: Annotated[float, "decay of the parameters' moving average"] = 0.99
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
            "channels": COUNT,
            "groups": COUNT,
            "learning_rate": POSITIVE,
            "weight_decay": AMOUNT,
            "dropout_rate": FRACTION,
            "label_smoothing": FRACTION,
            "average_decay": FRACTION,
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
    """A convolutional classifier of `encore_digits`."""
    epoch = steps_per_epoch(TRAIN, config.batch_size)

    return make_classifier(
        SmallCNN(
            stages=((config.channels,) * 2, (2 * config.channels,) * 2),
            dense=(4 * config.channels,),
            images=config.epochs * TRAIN,
        ),
        digits_data(config.batch_size),
        floats(config),
        image_shape=SHAPE,
        white=WHITE,
        steps=config.epochs * epoch,
        batch_size=config.batch_size,
        groups=config.groups,
        optimizer="adamw",
        schedule="warmup_cosine",
        warmup_steps=config.warmup_epochs * epoch,
        augment=move_a_little,
        evaluate_every=5 * epoch,
        policy=config.policy,
        report=config.report,
    )
