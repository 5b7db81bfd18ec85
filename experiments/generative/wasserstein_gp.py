"""A Wasserstein generator of clothing, whose critic has a gradient penalty.

Distances are in the features of `vision/fashion_mnist_features`, to be run first.

Run: python launch.py run generative/wasserstein_gp
Expected: not yet recorded
Time: 1 h
"""

from dataclasses import replace

from experiments.generative.dcgan import config as dcgan

config = replace(dcgan, loss="wasserstein", discriminator_steps=5)
