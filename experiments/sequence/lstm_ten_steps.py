"""Long short-term memory, ten steps ahead.

Noisy sums of two sines (Géron's chapter 15), sequence to sequence, two layers of twenty cells
(Hochreiter and Schmidhuber 1997, with forget gates).

Run: python launch.py run sequence/lstm_ten_steps
Expected: test mse .0024 over 5 seeds (G2 ch15: .0086)
Time: 8 s
"""

from research.sequence.forecasts.forecast_net import Recurrent
from research.sequence.forecasts.series import RecurrentForecasting

config = RecurrentForecasting(Recurrent("lstm", every_step=True), horizon=10)
