"""A generator of clothing by styles (StyleGAN2, at 28 x 28 pixels).

A net makes a style of a code, which scales the channels of every convolution; noise adds detail.
The discriminator is that of `generative/progressive`, at its full size from the beginning.
Distances are in the features of `vision/fashion_mnist_features`, to be run first.

Run: python launch.py run generative/style
Expected: not yet recorded
Time: 1 h
"""

from research.generative.adversarial import Adversarial
from research.generative.growing_nets import GrowingDiscriminator
from research.generative.style_nets import StyleGenerator

config = Adversarial(
    generator=StyleGenerator,
    discriminator=GrowingDiscriminator,
    batch_size=64,
    groups=2,
    code_size=64,
    generator_rate=1e-3,
    discriminator_rate=1e-3,
    first_moment_decay=0.0,
    real_penalty=True,
    penalty=1.0,
)
