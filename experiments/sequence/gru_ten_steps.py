"""Gated recurrent units, ten steps ahead.

Noisy sums of two sines (Géron's chapter 15), sequence to sequence, two layers of twenty units (Cho
et al. 2014).

Run: python launch.py run sequence/gru_ten_steps
Expected: test mse .0029 over 5 seeds (G2 ch15: .0103)
Time: 8 s
"""

from research.sequence.forecasts.forecast_net import Recurrent
from research.sequence.forecasts.series import RecurrentForecasting

config = RecurrentForecasting(Recurrent("gru", every_step=True), horizon=10)
