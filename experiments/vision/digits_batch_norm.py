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

from dataclasses import dataclass
from typing import Annotated, ClassVar

import flax.linen as nn

from research.data.images import Images
from research.optimization.optimizers import OptimizerName
from research.options.ranges import POSITIVE
from research.vision.data_sets import DigitClassification
from research.vision.models import SmallCNN


@dataclass(frozen=True)
class DigitsBatchNorm(DigitClassification):
    """Options."""

    batch_norm: Annotated[bool, "whether convolutions are normalised"] = True
    learning_rate: Annotated[float, "the largest step size of SGD", POSITIVE] = 0.2

    optimizer: ClassVar[OptimizerName] = "sgd"

    def model(self, images: Images) -> nn.Module:
        """Eight convolutions."""
        return SmallCNN(
            stages=((self.channels,) * 4, (2 * self.channels,) * 4),
            dense=(),
            batch_norm=self.batch_norm,
            images=self.epochs * images.examples,
        )


config = DigitsBatchNorm()
