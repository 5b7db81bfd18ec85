"""A recurrent autoencoder: an LSTM reads an image row by row, another writes it row by row.

Run: python launch.py run generative/recurrent
Expected: validation bce .273 (.3230, rounded accuracy .8990, in Géron, 2nd edition, chapter 17)
Time: 90 s
"""

from research.generative.autoencoder import Autoencoder
from research.generative.codecs import RecurrentCodec

config = Autoencoder(net=RecurrentCodec, epochs=10, optimizer="nadam", learning_rate=1e-3)
