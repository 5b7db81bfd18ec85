"""A progressively grown generator of scikit-learn's digits, 4 x 4 then 8 x 8, with no network.

Distances are in the features of `vision/digits_cnn`, to be run first.

Run: python launch.py run generative/digits_progressive
Expected: test frechet distance about 5
Time: 2 min
"""

from dataclasses import replace
from functools import partial

from experiments.generative.progressive import config as progressive
from research.generative.growing_nets import GrowingDiscriminator, GrowingGenerator

CHANNELS = (32, 16)

config = replace(
    progressive,
    generator=partial(GrowingGenerator, layers=CHANNELS),
    discriminator=partial(GrowingDiscriminator, layers=CHANNELS),
    data_set="digits",
    examples=1280,
    code_size=16,
    penalty=0.1,
    level_epochs=(50,),
    fade_epochs=25,
    epochs=150,
    features="vision/digits_cnn",
    measured=360,
)
