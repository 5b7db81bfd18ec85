"""That nothing changes, ten steps ahead: the forecast that others are to beat.

Noisy sums of two sines (Géron's chapter 15), 50 values of which are known; the last of them is the
forecast of the ten that follow. Nothing is learned.

Run: python launch.py run sequence/naive_ten_steps
Expected: test mse .268 (G2 ch15: .257)
Time: 1 s
"""

from research.sequence.forecasts.forecast_net import Naive
from research.sequence.forecasts.series import SeriesForecasting

config = SeriesForecasting(Naive(), horizon=10, epochs=0)
