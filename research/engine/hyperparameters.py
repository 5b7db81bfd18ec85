"""Numeric hyper-parameters as the state carries them."""

from __future__ import annotations

from collections.abc import Mapping

import jax
import numpy as np


def traced(values: Mapping[str, float]) -> dict[str, jax.Array]:
    """The same values as float32 scalars on the device, ready for `Experiment.init`."""
    return {name: jax.device_put(np.float32(value)) for name, value in values.items()}
