"""That nothing changes: the forecast that others are to beat.

Noisy sums of two sines (Géron's chapter 15), 50 values of which are known; the last of them is the
forecast of the next. Nothing is learned.

Run: python launch.py run sequence/naive_one_step
Expected: test mse .0207 (G2 ch15: .0202)
Time: 1 s
"""

from research.sequence.forecasts.forecast_net import Naive
from research.sequence.forecasts.series import SeriesForecasting

config = SeriesForecasting(Naive(), epochs=0)
