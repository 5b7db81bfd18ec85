"""An LSTM reads a date letter by letter; another writes it anew from its last state alone.

"April 22, 2019" becomes "2019-04-22" (Géron's chapter 16, exercise 9): random days of the years
1000 to 9999, 10,000 for training, 2,000 each for validation and test, no day twice. The net learns
with the true characters before each, and is judged without: `whole` is the share of dates that it
writes without a fault, each character the likeliest, and `symbols_right` that of their characters.

Run: python launch.py run sequence/dates_encoder_decoder
Expected: test whole 1.0000
Time: 30 s
"""

from research.sequence.translations.dates import DateTranslation

config = DateTranslation()
