"""A variational autoencoder of scikit-learn's digits, with no network at hand.

64 pixels to a normal distribution of codes of 8 numbers, and back. Samples of the prior are kept as
training goes on.

Run: python launch.py run generative/digits_vae
Expected: validation elbo about -24
Time: 10 s
"""

from research.generative.variational import Variational

config = Variational(
    data_set="digits", examples=1280, epochs=300, batch_size=128, groups=8, layers=(256, 128),
    code_size=8, optimizer="adam", schedule="cosine", learning_rate=2e-3,
)  # fmt: skip
