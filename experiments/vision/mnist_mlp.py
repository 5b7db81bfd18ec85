"""A multilayer perceptron reads handwritten digits.

Two hidden layers of 300 and 100, as in Géron's chapter 10, trained by Adam with a rate that falls
to nothing by cosine, with a little dropout.

Run: python launch.py run vision/mnist_mlp
Expected: test accuracy .98
Time: 25 s
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, Self

import flax.linen as nn

from research.data.images import Images
from research.options.ranges import COUNT, FRACTION, POSITIVE
from research.vision.data_sets import MNISTClassification
from research.vision.models import MultilayerPerceptron


@dataclass(frozen=True)
class MLP(MNISTClassification):
    """Options."""

    first_units: Annotated[int, "units of the first hidden layer", COUNT] = 300
    second_units: Annotated[int, "units of the second hidden layer", COUNT] = 100
    learning_rate: Annotated[
        float, "Adam's step size at the start, falling by cosine", POSITIVE
    ] = 1e-3
    dropout_rate: Annotated[float, "share of hidden units dropped", FRACTION] = 0.2

    data_set: ClassVar[str] = "mnist"
    evaluation_batch_size: ClassVar[int] = 1000

    def smoke(self) -> Self:
        """Thirty updates of a narrow net."""
        return replace(super().smoke(), first_units=16, second_units=8)

    def model(self, images: Images) -> nn.Module:
        """Two hidden layers."""
        del images
        return MultilayerPerceptron((self.first_units, self.second_units))


config = MLP()
