"""A convolutional autoencoder: 16, 32 and 64 channels to a code, and back.

Run: python launch.py run generative/convolutional
Expected: validation bce .267 (.2671, rounded accuracy .9511, in Géron, 2nd edition, chapter 17)
Time: 5 min
"""

from research.generative.autoencoder import Autoencoder
from research.generative.codecs import ConvolutionalCodec

config = Autoencoder(
    net=ConvolutionalCodec, epochs=5, layers=(16, 32, 64), code_size=128, optimizer="nadam",
    learning_rate=1e-3,
)  # fmt: skip
