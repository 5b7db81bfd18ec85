"""A linear autoencoder, which is principal component analysis found by gradient descent."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated, Any, Self

import jax
import jax.numpy as jnp
import numpy as np

from research.data.order import shuffled_rows, steps_per_epoch
from research.data.sources.arrays import ArraySource
from research.engine import metrics
from research.engine.experiment import Batch, Data, Evaluation, Experiment, Hyperparameters, Key
from research.engine.metrics import Metrics
from research.layers.factorisation import orthogonal
from research.optimization.descent import WeightedLoss
from research.optimization.supervised import Fitting, SupervisedState, make_supervised
from research.options.config import Config
from research.options.ranges import COUNT, POSITIVE, Range

POINTS = 60
"""Points of the data set, on a noisy arc near a plane."""


@dataclass(frozen=True)
class Linear(Config):
    """Options."""

    epochs: Annotated[int, "passes over the points", COUNT] = 300
    batch_size: Annotated[int, "points in one update", Range(1, POINTS)] = 32
    code_size: Annotated[int, "numbers in a code", Range(1, 2)] = 2
    learning_rate: Annotated[float, "step size of SGD", POSITIVE] = 1.5

    @property
    def headline(self) -> str:
        """That of the points that it is fitted to, as in principal component analysis."""
        return "points/mse"

    def smoke(self) -> Self:
        """Ten updates."""
        return replace(self, epochs=5)

    def make(self) -> Experiment:
        """Two matrices between points and codes."""
        points = ArraySource("points near a plane", {"point": points_near_a_plane()})
        rows = shuffled_rows(POINTS, self.batch_size, "pad")
        steps = self.epochs * steps_per_epoch(POINTS, self.batch_size, "pad")
        fitted = make_supervised(partial(init_linear, self.code_size), loss, Fitting(steps, "sgd"))

        def evaluate(state: SupervisedState, batch: Batch, key: Key) -> Metrics:
            del key
            return loss(fitted.reported(state), batch, None, {}).metrics

        def judge(state: SupervisedState, evaluation: Evaluation, key: Key) -> dict[str, float]:
            del evaluation, key
            return compare_with_components(state.params["decoder"], points_near_a_plane())

        return Experiment(
            init=fitted.init,
            update=fitted.update,
            evaluate=evaluate,
            steps=steps,
            items_per_step=self.batch_size,
            items="points",
            data=Data({"train": points, "points": points}, rows),
            evaluate_every=max(1, steps // 10),
            watched=("points",),
            final=("points",),
            judge=judge,
        )


def init_linear(units: int, key: Key) -> dict[str, dict[str, jax.Array]]:
    """`encoder` `[3, units]` and `decoder` `[units, 3]`; no biases, for the data have mean 0."""
    encoder_key, decoder_key = jax.random.split(key)
    draw = orthogonal(1.0)
    encoder, decoder = draw(encoder_key, (3, units)), draw(decoder_key, (units, 3))
    return {"params": {"encoder": encoder, "decoder": decoder}}


def loss(variables: Any, rows: Batch, key: Any, values: Hyperparameters) -> WeightedLoss:
    """The squared error of points, a mean over their three numbers."""
    del key, values
    params, point = variables["params"], rows["point"]
    made = point @ params["encoder"] @ params["decoder"]
    found = metrics.mean(jnp.mean((made - point) ** 2, axis=1), rows["weight"])
    return WeightedLoss(found.total, found.weight, {"mse": found})


def compare_with_components(decoder: np.ndarray, points: np.ndarray) -> dict[str, float]:
    """How near the plane of a decoder is to that of the principal components, on the host.

    Args:
        decoder: `[units, 3]`, whose rows span the plane.
        points: `[points, 3]`, of mean 0.

    Returns:
        `points/pca_mse`, the least error that there is, and `points/angle`, the largest principal
        angle between the two, in degrees.

    Source: Baldi and Hornik 1989, "Neural networks and principal component analysis"; principal
    angles: Björck and Golub 1973.
    """
    points = points.astype(np.float64)
    components = np.linalg.svd(points, full_matrices=False)[2][: len(decoder)]
    left = points - points @ components.T @ components
    basis = np.linalg.qr(decoder.T.astype(np.float64))[0].T
    # The sine of an angle is exact where the angle is small, its cosine is not.
    across = components - components @ basis.T @ basis
    sine = min(1.0, float(np.linalg.norm(across, ord=2)))
    angle = float(np.degrees(np.arcsin(sine)))
    return {"points/pca_mse": float(np.mean(left**2)), "points/angle": angle}


def points_near_a_plane() -> np.ndarray:
    """60 points of mean 0 near a plane, float32 `[60, 3]`: the same each time.

    Source: Géron, 2nd and 3rd edition, chapters 8 and 17.
    """
    draw = np.random.RandomState(4)
    angle = 1.5 * np.pi * draw.rand(POINTS) - 0.5
    x = np.cos(angle) + np.sin(angle) / 2 + 0.05 * draw.randn(POINTS)
    y = 0.7 * np.sin(angle) + 0.05 * draw.randn(POINTS)
    z = 0.1 * x + 0.3 * y + 0.1 * draw.randn(POINTS)
    found = np.stack([x, y, z], axis=1)
    return (found - found.mean(axis=0)).astype(np.float32)
