"""A diffusion of clothing: a small U-Net, the cosine path, DDIM in 50 steps.

Distances are in the features of `vision/fashion_mnist_features`, to be run first.

Run: python launch.py run generative/ddpm
Expected: test frechet distance 173.5 ± 5.8 after 2 passes (3 seeds)
Time: 1.5 h, a quarter of an hour of it to draw what is measured
"""

from research.generative.diffusion import Diffusion

config = Diffusion(batch_size=64, groups=2)
