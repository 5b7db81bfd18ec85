"""A custom loss on a real task: Huber's, written in four lines, in place of the library's.

The set-up of Géron's chapter 12 (2nd edition): California's districts, the book's rows in each
split, 30 hidden units with selu, Nadam, batches of 32, two passes. Everything but the loss comes
from libraries. `loss` is Huber's, `mae` and `mse` are errors in units of 100,000 dollars, and
`within` is the share of districts whose value is missed by at most 50,000.

Run: python launch.py run tour/huber_housing
Expected: validation loss .20 to .22, mae .50 to .51 (the book, one run: .238 and .528)
Time: 2 s
"""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax
import optax

from research.engine.experiment import Hyperparameters, Key
from research.tour.losses import huber
from research.tour.regression import HousingRegression, Parts, init_features


def net(units: int) -> nn.Module:
    """One hidden layer."""
    return nn.Sequential(
        [nn.Dense(units, kernel_init=nn.initializers.lecun_normal()), nn.selu, nn.Dense(1)]
    )


def init(key: Key, units: int) -> Any:
    """Parameters at the start."""
    return net(units).init(key, init_features())


def apply(params: Any, x: jax.Array) -> jax.Array:
    """Predictions `[batch]`."""
    units = params["params"]["layers_0"]["bias"].shape[0]
    return net(units).apply(params, x)[:, 0]


def optimizer(values: Hyperparameters) -> optax.GradientTransformation:
    """Nadam (Dozat 2016)."""
    return optax.nadam(values["learning_rate"])


config = HousingRegression(Parts(init, apply, huber, optimizer))
