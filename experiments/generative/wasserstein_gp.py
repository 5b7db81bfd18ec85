"""A Wasserstein generator of clothing, whose critic has a gradient penalty.

Distances are in the features of `vision/fashion_mnist_features`, to be run first.

Run: python launch.py run generative/wasserstein_gp
Expected: not yet recorded
Time: 1 h
"""

from research.generative.adversarial import Adversarial
from research.generative.adversarial_nets import (
    ConvolutionalDiscriminator,
    ConvolutionalGenerator,
)

config = Adversarial(
    ConvolutionalGenerator, ConvolutionalDiscriminator, code_size=100, epochs=10,
    loss="wasserstein", discriminator_steps=5,
)  # fmt: skip
