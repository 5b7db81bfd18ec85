"""Numeric hyper-parameters as the state carries them."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np


def floats(config: Any) -> dict[str, float]:
    """Of a config that is not yet a value (`research.options.legacy`)."""
    hints = typing.get_type_hints(type(config))
    return {
        field.name: float(getattr(config, field.name))
        for field in dataclasses.fields(config)
        if hints[field.name] is float
    }


def traced(values: Mapping[str, float]) -> dict[str, jax.Array]:
    """The same values as float32 scalars on the device, ready for `Experiment.init`."""
    return {name: jax.device_put(np.float32(value)) for name, value in values.items()}
