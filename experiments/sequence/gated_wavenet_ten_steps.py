"""A WaveNet with gates, residual connections and skips, ten steps ahead.

Noisy sums of two sines (Géron's chapter 15), sequence to sequence. Each layer is tanh(W x) σ(V x)
and is added to what it was given (van den Oord et al. 2016).

Run: python launch.py run sequence/gated_wavenet_ten_steps
Expected: test mse .0032 over 5 seeds
Time: 18 s
"""

from research.sequence.forecasts.forecast_net import Waves
from research.sequence.forecasts.series import WaveForecasting

config = WaveForecasting(Waves(gated=True), horizon=10, learning_rate=5e-3)
