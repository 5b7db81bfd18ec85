"""A stacked autoencoder of scikit-learn's digits, with no network at hand.

64 pixels to a code of 8 numbers and back, by dense layers with SELU.

Run: python launch.py run generative/digits_stacked
Expected: validation mse .0155
Time: 5 s
"""

from research.generative.autoencoder import Autoencoder

config = Autoencoder(
    data_set="digits", examples=1280, epochs=100, layers=(64,), code_size=8, optimizer="nadam",
    learning_rate=2e-3, loss="mse",
)  # fmt: skip
