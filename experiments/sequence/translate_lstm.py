"""An LSTM reads an English sentence; another writes it in Spanish from its last state alone.

One layer of 256 units each (the book: 512), no attention (Sutskever et al. 2014).
118,964 pairs of sentences of tatoeba.org (`spa_eng`) are shuffled by a seed; the first 100,000 are
learned from, the others validated on (Géron's chapter 16). 1,000 words of each language, lower-case
and without punctuation, the four signs among them; sentences are cut to 20 words, as the book's are
to 50, which cuts one pair in 500. `accuracy` is the share of true words, the end among them, that
are the likeliest given the true words before. `bleu` and `chrf` are measured on what the net writes
alone for 1,000 validation sentences, against whole true ones. `translate` writes with it.
The book's size: --units 512 --epochs 10 --longest 50.

Run: python launch.py run sequence/translate_lstm
Expected: validation accuracy .610 over 3 seeds (G3 ch16, twice the units, 10 passes: .683)
Time: 4 min
"""

from research.sequence.translations.sentences import RecurrentTranslation

config = RecurrentTranslation()
