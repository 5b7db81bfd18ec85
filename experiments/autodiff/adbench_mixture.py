"""ADBench's Gaussian mixture: 1,650 derivatives of a log likelihood, by hand and by every mode.

1,000 points of 10 dimensions and 25 components, random as in ADBench: one of its sizes (its file
gmm_d10_K25). The gradient written by hand is beside reverse mode, `jax.grad`, forward mode and
central differences, the last two for 64 of the parameters, as each takes a pass. `.../different`
counts errors above ADBench's 1e-8, |x - y| / max(1, |x| + |y|), of differences above 1e-6;
`.../operations` are those of the gradient over the function's. The report has times, too.

    python launch.py run autodiff/adbench_mixture --file gmm_d10_K25.txt  # a file of ADBench's

Run: python launch.py run autodiff/adbench_mixture
Expected: different 0 by every way; operations by_hand 1.99, reverse 2.14
Time: 15 s
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, Self

import jax
import numpy as np

from research.autodiff.adbench.mixtures import (
    Mixture,
    gradient_by_hand,
    log_likelihood,
    read_mixture,
)
from research.autodiff.adbench.study import ADBenchStudy, Way, gradient_ways
from research.autodiff.functions_in_jax import IN_JAX
from research.engine.experiment import Key
from research.options.ranges import COUNT


@dataclass(frozen=True)
class ADBenchMixture(ADBenchStudy):
    """Options."""

    points: Annotated[int, "points", COUNT] = 1000
    dimensions: Annotated[int, "of a point", COUNT] = 10
    components: Annotated[int, "of the mixture", COUNT] = 25
    entries: Annotated[int, "parameters for forward mode and differences", COUNT] = 64

    def small(self) -> Self:
        """Few points, of two components."""
        return replace(self, points=20, dimensions=3, components=2)

    def draw(self, key: Key) -> dict[str, jax.Array]:
        """Means between 0 and 1, all else normal."""
        keys, (k, d) = jax.random.split(key, 4), (self.components, self.dimensions)
        return {
            "alphas": jax.random.normal(keys[0], (k,)),
            "means": jax.random.uniform(keys[1], (k, d)),
            "icf": jax.random.normal(keys[2], (k, d * (d + 1) // 2)),
            "points": jax.random.normal(keys[3], (self.points, d)),
        }

    def read(self) -> Mixture:
        """The file."""
        return read_mixture(self.file)

    def ways(self, drawn: Any) -> Mapping[str, Way]:
        """By all parameters."""
        mixture = self.read() if self.file else as_mixture(drawn)
        return gradient_ways(
            lambda x: log_likelihood(x, mixture),
            lambda x: gradient_by_hand(x, mixture),
            lambda x: log_likelihood(x, mixture, IN_JAX),
            mixture.params,
            self.entries,
        )


def as_mixture(drawn: Mapping[str, Any]) -> Mixture:
    """What was drawn, in float64."""
    names = ("alphas", "means", "icf", "points")
    alphas, means, icf, points = (np.asarray(drawn[name], float) for name in names)
    return Mixture(alphas, means, icf, points)


config = ADBenchMixture()
