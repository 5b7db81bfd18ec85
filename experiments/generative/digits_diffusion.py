"""A diffusion of scikit-learn's digits by class, with no network at hand.

A small transformer over patches predicts v along the cosine path; DDIM goes back in 30 steps, with
classifier-free guidance. Distances are in the features of `vision/digits_cnn`, to be run first.

Run: python launch.py run generative/digits_diffusion
Expected: test frechet distance about 2
Time: 3 min
"""

from functools import partial

from research.generative.denoisers import DiT
from research.generative.diffusion import Diffusion

config = Diffusion(
    batch_size=64,
    groups=8,
    net=partial(DiT, patch=2),
    channels=64,
    data_set="digits",
    examples=1280,
    epochs=200,
    conditional=True,
    guidance=1.5,
    sampling_steps=30,
    features="vision/digits_cnn",
    measured=360,
)  # fmt: skip
