"""Two large LSTM layers with dropout read a text from its beginning to its end.

As `char_rnn_stateful`, with twice the units and a quarter of each layer's inputs
dropped (Zaremba et al. 2014, arXiv 1409.2329). `sample` writes from it.

Run: python launch.py run sequence/char_lstm_large
Expected: with --text tiny_shakespeare validation loss 1.332, one seed (test 1.501)
Time: 28 min on one core, some 10 on two
"""

from dataclasses import replace

from research.sequence.characters.language_model import STATEFUL

config = replace(STATEFUL, epochs=15, cell="lstm", units=256, dropout_rate=0.25)
