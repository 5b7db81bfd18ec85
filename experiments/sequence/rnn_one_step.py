"""Two layers of twenty simple recurrent neurons, and a last one that forecasts.

Noisy sums of two sines (Géron's chapter 15). The last layer is recurrent too: its output is the
forecast, and cannot leave -1 to 1.

Run: python launch.py run sequence/rnn_one_step
Expected: test mse .0023 over 5 seeds (G2 ch15: .0029)
Time: 4 s
"""

from research.sequence.forecasts.forecast_net import Recurrent
from research.sequence.forecasts.series import RecurrentForecasting

config = RecurrentForecasting(Recurrent(direct=True))
