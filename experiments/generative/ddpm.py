"""A diffusion of clothing: a small U-Net, the cosine path, DDIM in 50 steps.

Distances are in the features of `vision/fashion_mnist_features`, to be run first.

Run: python launch.py run generative/ddpm
Expected: test frechet distance 176 after 2 passes (seed 0)
Time: 1.5 h, a quarter of an hour of it to draw what is measured
"""

from research.generative.diffusion import Diffusion

config = Diffusion(batch_size=64, groups=2)
