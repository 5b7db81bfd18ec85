"""A WaveNet: causal convolutions whose dilation doubles, ten steps ahead.

Noisy sums of two sines (Géron's chapter 15), sequence to sequence. No step waits for another: it
sees far by eight layers of two steps each.

Run: python launch.py run sequence/wavenet_ten_steps
Expected: test mse .0047 over 5 seeds (G2 ch15: .0072)
Time: 5 s
"""

from research.sequence.forecasts.forecast_net import Waves
from research.sequence.forecasts.series import WaveForecasting

config = WaveForecasting(Waves(), horizon=10, learning_rate=5e-3)
