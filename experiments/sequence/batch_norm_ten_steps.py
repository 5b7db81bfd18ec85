"""Batch normalisation between recurrent layers, ten steps ahead.

Noisy sums of two sines (Géron's chapter 15), sequence to sequence. The inputs of each layer after
the first are normalised over batch and time (Laurent et al. 2016); it does not help such small nets
much.

Run: python launch.py run sequence/batch_norm_ten_steps
Expected: test mse .0052 over 5 seeds (G2 ch15: .0164)
Time: 3 s
"""

from research.sequence.forecasts.forecast_net import Recurrent
from research.sequence.forecasts.series import RecurrentForecasting

config = RecurrentForecasting(Recurrent(every_step=True, batch_normalisation=True), horizon=10)
