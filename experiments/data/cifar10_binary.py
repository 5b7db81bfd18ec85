"""Ten classes of small colour pictures from binary files of records of one length.

CIFAR-10 as its authors publish it: 3,073 bytes a picture, its label and then the red, green and
blue plane. 45,000 to train on in five files, 5,000 to choose by and 10,000 to test on in one each,
written on first use. A record is where its number says, so no index is needed: batches are picked
out of the files in a shuffled order, ahead of the steps. Five convolutions with batch normalisation
see each picture mirrored and moved a little, another way each time.

Run: python launch.py run data/cifar10_binary --data streamed
Expected: test accuracy .796 to .800
Time: 4 min
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, Self

import flax.linen as nn

from research.data.file_sets.written import OnDamage
from research.data.formats.fixed import CIFAR10
from research.data.image_files import as_records, in_files
from research.data.images import CIFAR10 as EXAMPLES
from research.data.images import Images, cifar10
from research.optimization.optimizers import OptimizerName
from research.options.ranges import AMOUNT, COUNT, FRACTION, POSITIVE, Range
from research.vision.classification import Augmentation, ImageClassification
from research.vision.data_sets import flip_and_shift
from research.vision.models import SmallCNN

SHARDS = {"train": 5, "validation": 1, "test": 1}


@dataclass(frozen=True)
class CIFAR10Binary(ImageClassification):
    """Options."""

    epochs: Annotated[int, "passes over the training pictures", COUNT] = 6
    warmup_epochs: Annotated[
        int, "of these, passes in which the learning rate rises", Range(0, "epochs")
    ] = 1
    batch_size: Annotated[int, "pictures in one update", Range(1, "examples")] = 128
    examples: Annotated[int, "training pictures, the first of the file", Range(1, EXAMPLES)] = (
        EXAMPLES
    )
    channels: Annotated[
        int, "channels of the first convolution; the next have 2 and 4 times as many", COUNT
    ] = 24
    shift: Annotated[
        int, "pixels that a picture is moved by at most, along each axis", Range(0, 31)
    ] = 3
    learning_rate: Annotated[float, "AdamW's largest step size", POSITIVE] = 4e-3
    weight_decay: Annotated[float, "AdamW's decoupled weight decay", AMOUNT] = 1e-2
    dropout_rate: Annotated[float, "share of the features dropped before the logits", FRACTION] = (
        0.2
    )
    average_decay: Annotated[float, "decay of the parameters' moving average", FRACTION] = 0.995
    damaged: OnDamage = "stop"

    optimizer: ClassVar[OptimizerName] = "adamw"

    def smoke(self) -> Self:
        """Thirty updates of a narrow net."""
        return replace(self, epochs=2, batch_size=32, examples=480, channels=4)

    def model(self, images: Images) -> nn.Module:
        """Five convolutions."""
        first, second, third = (self.channels * 2**k for k in range(3))
        return SmallCNN(
            ((first,), (second, second), (third, third)),
            dense=(),
            batch_norm=True,
            images=self.epochs * images.examples,
        )

    def images(self) -> Images:
        """CIFAR-10, from binary files."""
        images = cifar10(self.batch_size, self.examples)
        way = as_records(CIFAR10)
        return in_files(images, way, "cifar10_binary", SHARDS, self.batch_size, self.damaged)

    def augmentation(self) -> Augmentation:
        """Mirrored and moved by at most `shift` pixels."""
        return flip_and_shift(self.shift)


config = CIFAR10Binary()
