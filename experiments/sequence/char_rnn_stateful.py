"""A recurrent net reads a text from its beginning to its end and remembers what it read.

The text is cut into 32 rows, read side by side; each window of 100 characters goes on where the
one before stopped, and the GRU's memory of two layers with it, in the run's state: gradients end
at a window's start, what is remembered does not (Géron's chapter 16; truncated back-propagation,
Williams and Peng 1990). When the text begins again the memory is emptied. A run that is killed in
the middle of the text goes on there. Text is made lower-case. `loss` is nats per character, and
the checkpoint with the lowest validation loss is reported. `sample` writes from it.

Run: python launch.py run sequence/char_rnn_stateful
Expected: with --text tiny_shakespeare validation loss 1.361 over 3 seeds (test 1.542)
Time: 2 min
"""

from research.sequence.characters.language_model import STATEFUL

config = STATEFUL
