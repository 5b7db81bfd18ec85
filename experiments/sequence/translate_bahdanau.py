"""LSTMs translate English to Spanish; each state chooses what to read before the next word.

One layer of 256 units each (the book: 512), 128 of the encoder's from either end; additive
attention, a part of the decoder's input (Bahdanau et al. 2015).
Sentences, their splits and all measures are those of `translate_lstm`. `translate` writes with it.
The book's size: --units 512 --epochs 10 --longest 50.

Run: python launch.py run sequence/translate_bahdanau
Expected: validation accuracy .697, one seed (G3 ch16: .711, twice the units, five times the passes)
Time: 7 min
"""

from research.sequence.translations.sentences import RecurrentTranslation


class Bahdanau(RecurrentTranslation):
    """The first LSTM reads from both ends; additive attention."""

    bidirectional = True
    attention = "additive"


config = Bahdanau()
