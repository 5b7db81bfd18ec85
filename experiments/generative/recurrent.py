"""A recurrent autoencoder: an LSTM reads an image row by row, another writes it row by row.

Run: python launch.py run generative/recurrent
Expected: not yet recorded
Time: 5 min
"""

from research.generative.autoencoder import Autoencoder
from research.generative.codecs import RecurrentCodec

config = Autoencoder(net=RecurrentCodec, epochs=10, optimizer="nadam", learning_rate=1e-3)
