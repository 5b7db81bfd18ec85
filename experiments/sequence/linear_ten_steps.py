"""A linear regression forecasts the next ten values of a noisy series.

Noisy sums of two sines (Géron's chapter 15): ten values from the 50 before them, by 510 parameters.

Run: python launch.py run sequence/linear_ten_steps
Expected: test mse .0179 over 5 seeds (G2 ch15: .0187)
Time: 1 s
"""

from research.sequence.forecasts.forecast_net import Linear
from research.sequence.forecasts.series import SeriesForecasting

config = SeriesForecasting(Linear(), horizon=10, learning_rate=2e-3)
