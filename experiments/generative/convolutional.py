"""A convolutional autoencoder: 16, 32 and 64 channels to a code, and back.

The code has 576 numbers, as many as the smallest images of the source's net, of 3 x 3 pixels and 64
channels; `--code-size` makes it a narrow one.

Run: python launch.py run generative/convolutional
Expected: validation bce .263 (.2671, rounded accuracy .9511, in Géron, 2nd edition, chapter 17)
Time: 2 min
"""

from research.generative.autoencoder import Autoencoder
from research.generative.codecs import ConvolutionalCodec

config = Autoencoder(
    net=ConvolutionalCodec, epochs=5, layers=(16, 32, 64), code_size=576, optimizer="nadam",
    schedule="cosine", learning_rate=3e-3,
)  # fmt: skip
