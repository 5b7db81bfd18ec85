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

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated

from research.engine.experiment import Experiment
from research.engine.hyperparameters import floats
from research.options.ranges import AMOUNT, COUNT, POSITIVE, Range, out_of_range, undivided
from research.sequence.forecasts.forecaster import make_forecaster
from research.sequence.forecasts.series import Sizes


@dataclass(frozen=True)
class Config:
    """What can be chosen."""

    steps: Annotated[int, "updates, one window of all streams each"] = 3000
    streams: Annotated[int, "series that run side by side"] = 32
    groups: Annotated[int, "equal parts of the streams, which devices can share"] = 8
    window: Annotated[int, "values in a window, through which gradients flow"] = 50
    windows: Annotated[int, "windows after which a stream starts anew"] = 10
    units: Annotated[int, "units of the GRU"] = 32
    held_out_series: Annotated[int, "series in the validation set, and in the test set"] = 256
    learning_rate: Annotated[float, "Adam's step size at the start, falling by cosine"] = 2e-2
    gradient_norm: Annotated[float, "global norm that gradients are clipped to"] = 1.0


def validate(config: Config) -> list[str]:
    """What is out of range, a message each."""
    problems = out_of_range(
        config,
        {
            "steps": AMOUNT,
            "streams": COUNT,
            "groups": COUNT,
            "window": COUNT,
            # The first window of a held-out series is not measured.
            "windows": Range(2),
            "units": COUNT,
            "held_out_series": COUNT,
            "learning_rate": POSITIVE,
            "gradient_norm": POSITIVE,
        },
    )
    return problems + undivided("groups", config, "streams")


def smoke(config: Config) -> Config:
    """Thirty small updates, which see each stream start anew several times."""
    small = replace(config, steps=30, streams=8, window=10, windows=5, units=8)
    return replace(small, held_out_series=8)


def make(config: Config) -> Experiment:
    """A GRU on streams of sines."""
    return make_forecaster(
        Sizes(config.streams, config.window, config.windows),
        config.units,
        config.steps,
        config.held_out_series,
        floats(config),
        config.groups,
    )
