"""A generative adversarial network of scikit-learn's digits, with no network at hand.

Dense nets on both sides. Distances are in the features of `vision/digits_cnn`, to be run first.

Run: python launch.py run generative/digits_gan
Expected: test frechet distance about 6
Time: 30 s
"""

from research.generative.adversarial import Adversarial

config = Adversarial(
    batch_size=64,
    groups=8,
    data_set="digits",
    examples=1280,
    epochs=400,
    code_size=16,
    features="vision/digits_cnn",
    measured=360,
)
