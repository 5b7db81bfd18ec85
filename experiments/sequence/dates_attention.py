"""An LSTM writes dates anew and looks at what another read of their letters (Luong attention).

"April 22, 2019" becomes "2019-04-22". Dates, their splits and all measures are those of
`dates_encoder_decoder`.

Run: python launch.py run sequence/dates_attention
Expected: test whole 1.000
Time: 40 s
"""

from research.sequence.translations.dates import DateTranslation


class DatesAttention(DateTranslation):
    """The second LSTM looks by the state after each character."""

    attention = "multiplicative"


config = DatesAttention()
