"""Flow matching on scikit-learn's digits, with no network at hand.

A small U-Net learns the velocity of straight paths from noise to images; Heun's method follows it
back in 20 steps. Distances are in the features of `vision/digits_cnn`, to be run first.

Run: python launch.py run generative/digits_flow
Expected: not yet recorded
Time: 3 min
"""

from research.generative.diffusion import Diffusion

config = Diffusion(
    batch_size=64, groups=8, channels=16, data_set="digits", examples=1280, epochs=200,
    path="straight", target="velocity", sampler="heun", sampling_steps=20,
    features="vision/digits_cnn", measured=360,
)  # fmt: skip
