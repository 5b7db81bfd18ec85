"""The chapter's sets of short noisy series, whose next values are to be forecast."""

from __future__ import annotations

import numpy as np

from research.data.arrays import ArraySource
from research.sequence.forecasts.series import NOISE_WIDTH, Waves, clean_values

SIZES = {"train": 7000, "validation": 2000, "test": 1000}
"""Series in each split."""


def make_series(window: int, horizon: int, seed: int = 42) -> dict[str, ArraySource]:
    """Sums of two sines of random frequency and phase, with uniform noise, over one unit of time.

    All splits are drawn from one generator, so that they share no series.

    Args:
        window: values that are known.
        horizon: values after these.
        seed: which series.

    Returns:
        For each of `SIZES` a column `values`, float32 `[series, window + horizon, 1]`.

    Source: Géron 2019, "Hands-On Machine Learning", 2nd edition, chapter 15,
        `generate_time_series`.
    """
    generator, steps = np.random.default_rng(seed), window + horizon
    time, sources = np.linspace(0, 1, steps), {}
    for split, count in SIZES.items():
        waves = Waves(*generator.uniform(size=(4, count, 1)))
        noise = NOISE_WIDTH * (generator.uniform(size=(count, steps)) - 0.5)
        values = (clean_values(waves, time, np.sin) + noise).astype(np.float32)
        name = f"{count} noisy sums of two sines, {steps} values each ({split}, seed {seed})"
        sources[split] = ArraySource(name, {"values": values[..., None]})
    return sources
