"""A convolution halves the series for gated recurrent units, ten steps ahead.

Noisy sums of two sines (Géron's chapter 15), sequence to sequence. The convolution sees four values
and moves by two, so that the recurrent layers make half the steps.

Run: python launch.py run sequence/convolution_gru_ten_steps
Expected: test mse .0025 over 5 seeds (G2 ch15: .0080)
Time: 4 s
"""

from research.sequence.forecasts.forecast_net import Recurrent
from research.sequence.forecasts.series import ConvolutionForecasting

config = ConvolutionForecasting(Recurrent("gru", every_step=True), horizon=10)
