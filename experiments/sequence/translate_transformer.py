"""A transformer of two blocks that read and two that write translates English to Spanish.

Of width 128, 8 heads, as the book has it, but for layers that are normalised before they are
computed and positions that are sinusoids (Vaswani et al. 2017).
Sentences, their splits and all measures are those of `translate_lstm`. `translate` writes with it.
The book's size: --epochs 10, 28 min (and --longest 50, for one sentence in 600).

Run: python launch.py run sequence/translate_transformer
Expected: validation accuracy .696 over 3 seeds; .748 with --epochs 10 (G3 ch16, as many: .728)
Time: 5 min
"""

from research.sequence.translations.sentences import TransformerTranslation

config = TransformerTranslation()
