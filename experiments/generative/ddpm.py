"""A diffusion of clothing: a small U-Net, the cosine path, DDIM in 50 steps.

Distances are in the features of `vision/fashion_mnist_features`, to be run first.

Run: python launch.py run generative/ddpm
Expected: not yet recorded
Time: 2 h
"""

from research.generative.diffusion import Diffusion

config = Diffusion(batch_size=64, groups=2)
