"""Flow matching on clothing: a small U-Net, straight paths, Heun's method in 20 steps.

Distances are in the features of `vision/fashion_mnist_features`, to be run first.

Run: python launch.py run generative/flow_matching
Expected: test frechet distance 152.5 ± 4.2 after 2 passes (3 seeds)
Time: 2 h
"""

from research.generative.diffusion import Diffusion

config = Diffusion(
    batch_size=64, groups=2, path="straight", target="velocity", sampler="heun", sampling_steps=20
)
