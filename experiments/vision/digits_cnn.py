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

from dataclasses import dataclass
from typing import Annotated, ClassVar

import flax.linen as nn

from research.data.images import DIGITS, Images
from research.optimization.optimizers import OptimizerName
from research.options.ranges import AMOUNT, COUNT, FRACTION, POSITIVE, Range
from research.vision.data_sets import DigitClassification
from research.vision.models import SmallCNN


@dataclass(frozen=True)
class DigitsCNN(DigitClassification):
    """Options."""

    batch_size: Annotated[int, "images in one update", Range(1, DIGITS)] = 64
    channels: Annotated[
        int, "channels of the first two convolutions; the next two have twice", COUNT
    ] = 32
    learning_rate: Annotated[float, "AdamW's largest step size", POSITIVE] = 3e-3
    weight_decay: Annotated[float, "AdamW's decoupled weight decay", AMOUNT] = 1e-2
    dropout_rate: Annotated[float, "share of hidden units dropped", FRACTION] = 0.3
    label_smoothing: Annotated[float, "share of the target spread over all classes", FRACTION] = 0.1
    average_decay: Annotated[float, "decay of the parameters' moving average", FRACTION] = 0.99

    optimizer: ClassVar[OptimizerName] = "adamw"

    def model(self, images: Images) -> nn.Module:
        """Four convolutions and a dense layer."""
        return SmallCNN(
            stages=((self.channels,) * 2, (2 * self.channels,) * 2),
            dense=(4 * self.channels,),
            images=self.epochs * images.examples,
        )


config = DigitsCNN()
