"""A linear regression forecasts the next value of a noisy series.

Noisy sums of two sines (Géron's chapter 15): the next value from the 50 before it, by 51
parameters. `coverage` is the share of values within the forecast interval, which nine in ten should
be.

Run: python launch.py run sequence/linear_one_step
Expected: test mse .0032 over 5 seeds (G2 ch15: .0042)
Time: 1 s
"""

from research.sequence.forecasts.forecast_net import Linear
from research.sequence.forecasts.series import SeriesForecasting

config = SeriesForecasting(Linear(), learning_rate=2e-3)
