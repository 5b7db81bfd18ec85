"""A generative adversarial network of clothing, dense on both sides.

Distances are in the features of `vision/fashion_mnist_features`, to be run first.

Run: python launch.py run generative/gan_dense
Expected: test frechet distance 286, five or six of ten classes
Time: 80 s
"""

from research.generative.adversarial import Adversarial

config = Adversarial(epochs=30, batch_size=64, groups=2)
