"""A recurrent net learns from windows of a text, each for itself, which character comes next.

Windows of 100 characters in random order, a GRU of two layers that begins each with an empty
memory (Géron's chapter 16; Karpathy 2015). Text is made lower-case. `loss` is nats per character,
`bits` the same in bits; the split has gaps of a window, and the checkpoint with the lowest
validation loss is reported. `sample` writes from it. `--text tiny_shakespeare` is what the
references learn from; `--cut published` splits it as tfds does.

Run: python launch.py run sequence/char_rnn_stateless
Expected: with --text tiny_shakespeare validation loss 1.392 over 3 seeds (test 1.567)
Time: 6 min
"""

from research.sequence.characters.language_model import RecurrentLanguageModel

config = RecurrentLanguageModel(epochs=3, batch_size=64, learning_rate=5e-3, shift=10)
