"""Simple recurrent layers forecast ten values at once, at the window's end.

Noisy sums of two sines (Géron's chapter 15). Sequence to vector: the loss is that of the ten values
after the window alone.

Run: python launch.py run sequence/rnn_ten_steps
Expected: test mse .0030 over 5 seeds (G2 ch15: .0085)
Time: 3 s
"""

from research.sequence.forecasts.forecast_net import Recurrent
from research.sequence.forecasts.series import RecurrentForecasting

config = RecurrentForecasting(Recurrent(), horizon=10)
