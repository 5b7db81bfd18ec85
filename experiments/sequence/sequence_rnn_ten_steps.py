"""Simple recurrent layers forecast ten values at every step of the window.

Noisy sums of two sines (Géron's chapter 15). Sequence to sequence: the loss is that of the ten
values after each step, so that gradients come from everywhere; judged is the last alone.

Run: python launch.py run sequence/sequence_rnn_ten_steps
Expected: test mse .0048 over 5 seeds (G2 ch15: .0096, best shown .0058)
Time: 3 s
"""

from research.sequence.forecasts.forecast_net import Recurrent
from research.sequence.forecasts.series import RecurrentForecasting

config = RecurrentForecasting(Recurrent(every_step=True), horizon=10)
