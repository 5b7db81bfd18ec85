"""Two layers of twenty simple recurrent neurons and a linear forecast.

Noisy sums of two sines (Géron's chapter 15). What the second layer knows at the window's end is all
that the forecast is made of.

Run: python launch.py run sequence/rnn_dense_one_step
Expected: test mse .0018 over 5 seeds (G2 ch15: .0026)
Time: 3 s
"""

from research.sequence.forecasts.forecast_net import Recurrent
from research.sequence.forecasts.series import RecurrentForecasting

config = RecurrentForecasting(Recurrent())
