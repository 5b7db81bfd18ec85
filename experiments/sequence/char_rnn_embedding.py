"""A recurrent net over learned embeddings of characters, one layer of 128 units.

As `char_rnn_stateful`, with sixteen learned numbers for each character and a single GRU (Géron's
chapter 16, third edition, whose net is trained for ten passes; `--no-stateful` gives its
stateless one). `sample` writes from it.

Run: python launch.py run sequence/char_rnn_embedding
Expected: with --text tiny_shakespeare validation loss 1.423 over 3 seeds (G3 ch16: 1.4786)
Time: 2 min
"""

from dataclasses import replace

from research.sequence.characters.language_model import STATEFUL

config = replace(STATEFUL, layers=1, embedding=16)
