"""A small transformer learns which character comes next, in two thousand updates.

Four blocks of width 128 with rotary positions, upper case and lower: about the smaller of the two
nets of the nanoGPT repository, which trains on `--text tiny_shakespeare`, as many updates.

Run: python launch.py run sequence/char_transformer_small
Expected: with --text tiny_shakespeare validation loss 1.551 over 3 seeds (nanoGPT: 1.88)
Time: 40 s
"""

from research.sequence.characters.language_model import TransformerLanguageModel

config = TransformerLanguageModel(lower=False, batch_size=12, window=64)
