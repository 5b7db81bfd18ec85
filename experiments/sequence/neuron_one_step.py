"""A single recurrent neuron forecasts the next value of a noisy series.

Noisy sums of two sines (Géron's chapter 15): tanh(w x + v h + b), three parameters, whose last
output is the forecast.

Run: python launch.py run sequence/neuron_one_step
Expected: test mse .0112 over 5 seeds (G2 ch15: .0109)
Time: 1 s
"""

from research.sequence.forecasts.forecast_net import Recurrent
from research.sequence.forecasts.series import SeriesForecasting

config = SeriesForecasting(Recurrent(direct=True))
