"""A GRU that carries its memory along streams of noisy sines learns to continue them.

Streams of noisy sums of two sines (Géron's chapter 15, but endless) run side by side, made on the
device. Each update sees the next 50 values of each; the GRU's hidden state is carried
from window to window, and gradients end at a window's start (truncated back-propagation). After 10
windows a stream starts anew as another series, and its hidden state with it.
Measured on held-out series, from the 51st value on: `mse`, forecasting the next value from all
that came before; `forgetful_mse`, with the memory wiped every 50 values; `naive_mse`, forecasting
"as now"; `noise_mse`, the noise itself (in theory .1²/12 = .00083), below which nothing can come.
The book's RNNs, after 50 values, reach .0026; its naive forecast .0202.

Run: python launch.py run sequence/sine_rnn
Expected: test mse .0010, forgetful .0029, naive .0203, noise .0008
Time: 10 s
"""

from research.sequence.forecasts.stream_forecasting import StreamForecasting

config = StreamForecasting()
