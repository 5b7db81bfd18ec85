"""LSTMs translate English to Spanish; each state chooses what to read on the way to its word.

One layer of 256 units each (the book: 512), 128 of the encoder's from either end; multiplicative
attention after the decoder, without input feeding (Luong et al. 2015).
Sentences, their splits and all measures are those of `translate_lstm`. `translate` writes with it.
The book's size: --units 512 --epochs 10, 69 min (and --longest 50, for one sentence in 600).

Run: python launch.py run sequence/translate_luong
Expected: validation accuracy .696 over 3 seeds; .732 at the book's size (G3 ch16: .711)
Time: 5 min
"""

from research.sequence.translations.sentences import RecurrentTranslation


class Luong(RecurrentTranslation):
    """The first LSTM reads from both ends; multiplicative attention."""

    bidirectional = True
    attention = "multiplicative"


config = Luong()
