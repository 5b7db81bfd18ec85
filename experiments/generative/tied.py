"""A stacked autoencoder whose decoder has the encoder's weights, transposed: half the parameters.

Run: python launch.py run generative/tied
Expected: validation bce .282 (.2845, rounded accuracy .9325, in Géron, 2nd edition, chapter 17)
Time: 20 s
"""

from functools import partial

from research.generative.autoencoder import Autoencoder
from research.generative.codecs import DenseCodec

config = Autoencoder(net=partial(DenseCodec, tied=True), epochs=10)
