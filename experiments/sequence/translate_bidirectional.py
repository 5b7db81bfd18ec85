"""An LSTM reads an English sentence from both ends; another writes it in Spanish.

One layer of 256 units each (the book: 512), half of the encoder's from either end; no attention.
Sentences, their splits and all measures are those of `translate_lstm`. `translate` writes with it.
The book's size: --units 512 --epochs 10 --longest 50.

Run: python launch.py run sequence/translate_bidirectional
Expected: validation accuracy .613 over 3 seeds (G3 ch16, twice the units, 10 passes: .698)
Time: 4 min
"""

from research.sequence.translations.sentences import RecurrentTranslation


class Bidirectional(RecurrentTranslation):
    """The first LSTM reads from both ends."""

    bidirectional = True


config = Bidirectional()
