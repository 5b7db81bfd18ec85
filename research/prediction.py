"""Prediction: what a trained state makes of inputs as a user has them, by one pure function.

`Experiment.offers["predict"]` of every experiment that predicts is a `Predictor`. The command
`predict` rests on it, and so does whatever takes a model elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

import jax
import numpy as np

from research.engine.experiment import Batch, State

Inputs: TypeAlias = Mapping[str, Any]
"""Name -> array `[batch, ...]`, as a user has it: pixels, tokens, values in a unit."""
Outputs: TypeAlias = dict[str, jax.Array]
"""Name -> float32 array `[batch, ...]`."""


class Classes(NamedTuple):
    """How a classifier's outputs read: `probability` `[batch, classes]`, 1 in sum.

    Attributes:
        names: () -> what the classes are called. May raise `Mistake`: where the names are the data
            set's own, it must be prepared.
    """

    names: Callable[[], tuple[str, ...]]


class Values(NamedTuple):
    """How a forecaster's outputs read: `mean` `[batch, places]`, and `low` and `high` around it.

    The last two are there where the net learns an interval; nine values in ten lie within.

    Attributes:
        name: of what is forecast.
        horizon: the last so many of the places follow the input. Where there are others, each is
            the forecast of a value of the input from those before it.
    """

    name: str
    horizon: int = 1


class Own(NamedTuple):
    """An input of a user's own.

    Attributes:
        name: what a table calls it.
        inputs: name -> array `[1, ...]`.
        note: what was done to make it fit, or "".
    """

    name: str
    inputs: Inputs
    note: str = ""


class Predictor(NamedTuple):
    """What predicts.

    Attributes:
        apply: (state, inputs) -> outputs: pure, and jittable at any batch size. All preprocessing
            is inside, and the parameters are those that `evaluate` uses.
        examples: inputs of a batch of one, by shape and dtype.
        outputs: how they read.
        split: (batch of an evaluated split, on the host) -> its inputs, and what is true of them:
            labels int `[batch]`, or values `[batch, places]`.
        read: (word of a command line: a file, or the input itself) -> an input. Raises `Mistake`.
        takes: what `read` takes, for people.
    """

    apply: Callable[[State, Inputs], Outputs]
    examples: Mapping[str, jax.ShapeDtypeStruct]
    outputs: Classes | Values
    split: Callable[[Batch], tuple[Inputs, np.ndarray]]
    read: Callable[[str], Own]
    takes: str
