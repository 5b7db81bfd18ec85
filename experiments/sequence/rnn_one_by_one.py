"""A net that forecasts one value is fed with its own forecasts for ten.

Noisy sums of two sines (Géron's chapter 15). It learns from the value after the window alone; its
errors add up, and its interval, made for one step, is too narrow for ten: see `coverage`.

Run: python launch.py run sequence/rnn_one_by_one
Expected: test mse .0148 over 5 seeds (G2 ch15: .0275)
Time: 3 s
"""

from research.sequence.forecasts.forecast_net import Recurrent
from research.sequence.forecasts.series import RecurrentForecasting

config = RecurrentForecasting(Recurrent(), horizon=10, one_by_one=True)
