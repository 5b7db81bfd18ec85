"""Every part written by hand: loss, layer, activation, initialiser, penalty, constraint, optimiser.

The same districts as in `tour/huber_housing`, by a net of 30 units in which nothing comes from a
library of nets or optimisers: Huber's loss, layer normalisation, softplus, Glorot's initialisation,
a penalty on the sum of the output's absolute weights, output weights that stay positive by a
projection after each step, and momentum as a pair of functions. Each lies in a file of
`research/tour/`, and `tour/parts_by_hand` holds it against its library.

Run: python launch.py run tour/custom_parts
Expected: validation loss .15 to .17; test mse .34 to .39, mae .40 to .43 (the book: .416 and .464)
Time: 5 s
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import jax
import optax

from research.data.districts import FEATURES
from research.engine.experiment import Hyperparameters, Key
from research.options.ranges import AMOUNT, FRACTION, POSITIVE
from research.tour.layers import Params, dense, init_dense, init_norm, layer_norm, softplus
from research.tour.losses import absolute_penalty, huber, made_nonnegative
from research.tour.optimizers import momentum
from research.tour.regression import HousingRegression, Parts


@dataclass(frozen=True)
class CustomParts(HousingRegression):
    """Options."""

    learning_rate: Annotated[float, "step size of momentum", POSITIVE] = 1e-2
    decay: Annotated[float, "share of its memory that momentum keeps", FRACTION] = 0.9
    penalty: Annotated[float, "rate of the output weights' absolute sum", AMOUNT] = 1e-4


def init(key: Key, units: int) -> dict[str, Params]:
    """Parameters at the start; the output's are positive already."""
    first, second = jax.random.split(key)
    return project(
        {
            "hidden": init_dense(first, len(FEATURES), units),
            "norm": init_norm(units),
            "output": init_dense(second, units, 1),
        }
    )


def apply(params: dict[str, Params], x: jax.Array) -> jax.Array:
    """Predictions `[batch]`."""
    hidden = softplus(layer_norm(params["norm"], dense(params["hidden"], x)))
    return dense(params["output"], hidden)[:, 0]


def penalty(params: dict[str, Params], values: Hyperparameters) -> jax.Array:
    """Of the output's weights."""
    return absolute_penalty(params["output"]["kernel"], values["penalty"])


def project(params: dict[str, Params]) -> dict[str, Params]:
    """No output weight is negative."""
    return {**params, "output": made_nonnegative(params["output"])}


def optimizer(values: Hyperparameters) -> optax.GradientTransformation:
    """Momentum."""
    return momentum(values["learning_rate"], values["decay"])


config = CustomParts(Parts(init, apply, huber, optimizer, penalty, project), epochs=10)
