"""A vector-quantised autoencoder: clothing as 7 x 7 vectors, each one of a book of 256.

An image is 49 numbers from 0 to 255, which is 392 bits; its pixels are 6,272.

Run: python launch.py run generative/vq
Expected: not yet recorded
Time: 10 min
"""

from research.generative.quantised import Quantised

config = Quantised(epochs=10, batch_size=128, groups=8, optimizer="adam", learning_rate=1e-3)
