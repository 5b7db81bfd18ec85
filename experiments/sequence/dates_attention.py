"""An LSTM writes dates anew and looks at what another read of their letters (Luong attention).

"April 22, 2019" becomes "2019-04-22" (Géron's chapter 16, exercise 9): random days of the years
1000 to 9999, 10,000 for training, 2,000 each for validation and test, no day twice. The net learns
with the true characters before each, and is judged without: `whole` is the share of dates that it
writes without a fault, each character the likeliest, and `symbols_right` that of their characters.

Run: python launch.py run sequence/dates_attention
Expected: test whole 1.000
Time: 40 s
"""

from research.sequence.translations.dates import DateTranslation


class DatesAttention(DateTranslation):
    """The second LSTM looks by the state after each character."""

    attention = "multiplicative"


config = DatesAttention()
