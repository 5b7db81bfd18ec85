"""Layer normalisation inside the recurrent neurons, ten steps ahead.

Noisy sums of two sines (Géron's chapter 15), sequence to sequence. The sum that each step's tanh is
given is normalised over units (Ba et al. 2016).

Run: python launch.py run sequence/layer_norm_ten_steps
Expected: test mse .0053 over 5 seeds (G2 ch15: .0121)
Time: 4 s
"""

from research.sequence.forecasts.forecast_net import Recurrent
from research.sequence.forecasts.series import RecurrentForecasting

config = RecurrentForecasting(Recurrent("normalised_simple", every_step=True), horizon=10)
