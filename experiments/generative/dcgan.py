"""A convolutional generative adversarial network of clothing (DCGAN).

Distances are in the features of `vision/fashion_mnist_features`, to be run first.

Run: python launch.py run generative/dcgan
Expected: test frechet distance 95.8 ± 7.6 after 7 passes (3 seeds)
Time: 12 min
"""

from research.generative.adversarial import Adversarial
from research.generative.adversarial_nets import (
    ConvolutionalDiscriminator,
    ConvolutionalGenerator,
)

config = Adversarial(
    generator=ConvolutionalGenerator,
    discriminator=ConvolutionalDiscriminator,
    batch_size=64,
    groups=2,
    code_size=100,
    epochs=10,
)
