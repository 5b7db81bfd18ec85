"""ADBench's bundle adjustment: a sparse Jacobian by colours, by blocks, by hand, and what it saves.

10 cameras see 200 points in 1,000 observations. The Jacobian, 3,000 errors by 1,710 parameters, has
31,000 entries: 15 in a row. Columns that never meet are found by colouring and go through forward
mode together, 15 passes instead of 1,710; reverse mode goes back 3 times instead of 3,000, as each
observation is given parameters of its own. Both, `jax.jacrev` of one observation under `vmap`, and
central differences by colours are beside what was written by hand. `.../different` counts errors
above ADBench's 1e-8, |x - y| / max(1, |x| + |y|), of differences above 1e-6; `.../operations` are
those of all entries over the function's, `columns` and `rows` of a pass for each of them. The
random numbers are ADBench's, but that cameras stand before the points, not among them. The report
has times, too.

    python launch.py run autodiff/adbench_bundle --file ba1_n49_m7776_p31843.txt  # one of ADBench's

Run: python launch.py run autodiff/adbench_bundle
Expected: different 0 by every way; colors 15; operations by_hand 4.0, reverse 7.4, forward 51,
    columns 5,780, rows 11,469
Time: 10 s
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, Self

import jax
import jax.numpy as jnp
import numpy as np

from research.autodiff.adbench.bundles import (
    BLOCK,
    CAMERA,
    Bundle,
    Pattern,
    errors,
    errors_of,
    jacobian_by_blocks,
    jacobian_by_hand,
    pattern_of,
    read_bundle,
)
from research.autodiff.adbench.study import BY_HAND, DIFFERENCES, ADBenchStudy, Way
from research.autodiff.counting import count_operations
from research.autodiff.differences import best_step
from research.autodiff.forward import jvp
from research.autodiff.functions_in_jax import IN_JAX
from research.autodiff.operations import Value
from research.autodiff.reverse import vjp
from research.autodiff.sparse_jacobians import color_entries, jacobian_entries
from research.engine.experiment import Key
from research.options.ranges import COUNT


@dataclass(frozen=True)
class ADBenchBundle(ADBenchStudy):
    """Options."""

    cameras: Annotated[int, "cameras", COUNT] = 10
    points: Annotated[int, "points", COUNT] = 200
    observations: Annotated[int, "of a point by a camera, no two the same", COUNT] = 1000

    def small(self) -> Self:
        """Few of each."""
        return replace(self, cameras=2, points=6, observations=9)

    def problems(self) -> list[str]:
        """A camera sees a point once at most."""
        most = self.cameras * self.points
        if self.observations > most:
            return [f"--observations must be at most {most}: so many pairs of a camera and a point"]
        return super().problems()

    def draw(self, key: Key) -> dict[str, jax.Array]:
        """Points in a cube of length 10, cameras about 25 before it and turned towards it."""
        keys, n, p = jax.random.split(key, 9), self.cameras, self.observations
        normal, uniform = jax.random.normal, jax.random.uniform
        pairs = jax.random.permutation(keys[7], n * self.points)[:p]
        return {
            "cameras": jnp.concatenate(
                [
                    0.1 * normal(keys[0], (n, 3)),
                    jnp.array([5.0, 5.0, -25.0]) + 2 * normal(keys[1], (n, 3)),
                    1000 * uniform(keys[2], (n, 1)),
                    10 * normal(keys[3], (n, 2)),
                    0.1 * uniform(keys[4], (n, 2)),
                ],
                axis=1,
            ),
            "points": 10 * uniform(keys[5], (self.points, 3)),
            "weights": uniform(keys[6], (p,)),
            "seen": jnp.stack([pairs // self.points, pairs % self.points], axis=1),
            "noise": normal(keys[8], (p, 2)),
        }

    def read(self) -> Bundle:
        """The file."""
        return read_bundle(self.file)

    def bundle(self, drawn: Any) -> Bundle:
        """The file, or what was drawn: points are observed where they are seen, but for noise."""
        if self.file:
            return self.read()
        cameras, points, weights, noise = (
            np.asarray(drawn[name], float) for name in ("cameras", "points", "weights", "noise")
        )
        there = Bundle(cameras, points, np.ones(len(weights)), drawn["seen"], np.zeros_like(noise))
        seen = errors(there.params, there)[: noise.size].reshape(noise.shape)
        return there._replace(weights=weights, places=seen + noise)

    def count(self, drawn: Any) -> dict[str, float]:
        """What a pass for each colour, each column and each row takes."""
        bundle = self.bundle(drawn)
        pattern, params = pattern_of(bundle), bundle.params
        rows, columns = pattern.shape
        alone, one_column, there, back = passes(bundle)
        return {
            "colors": float(color_entries(*pattern).max() + 1),
            "columns/passes": float(columns),
            "rows/passes": float(rows),
            "columns/operations": columns * one_column / alone,
            "rows/operations": (there + rows * back) / alone,
            "parameters": float(len(params)),
            "entries": float(len(pattern.rows)),
        }

    def ways(self, drawn: Any) -> Mapping[str, Way]:
        """All entries."""
        bundle = self.bundle(drawn)
        params, pattern = bundle.params, pattern_of(bundle)
        colors = color_entries(*pattern)
        count = int(colors.max() + 1)

        def function(x: Value) -> Value:
            return errors(x, bundle)

        def value() -> Value:
            return function(params)

        def operations(compute: Callable[..., Value]) -> float:
            return count_operations(lambda x: compute(x, bundle), params) / alone

        alone, one_column, _, _ = passes(bundle)
        by_colors = jacobian_entries(function, pattern.rows, pattern.columns, colors)
        value_in_jax, jacobian_in_jax = in_jax(bundle)
        return {
            BY_HAND: Way(
                lambda: jacobian_by_hand(params, bundle), value, operations(jacobian_by_hand)
            ),
            "reverse": Way(
                lambda: jacobian_by_blocks(params, bundle), value, operations(jacobian_by_blocks)
            ),
            "forward": Way(lambda: by_colors(params), value, count * one_column / alone),
            DIFFERENCES: Way(
                lambda: by_differences(function, params, pattern, colors),
                value,
                2 * (count * alone + len(pattern.rows)) / alone,
            ),
            "jax": Way(jacobian_in_jax, value_in_jax),
        }


def passes(bundle: Bundle) -> tuple[int, int, int, int]:
    """Operations of the function; of a forward pass; of a tape, and of one pass back along it."""

    def function(x: Value) -> Value:
        return errors(x, bundle)

    params = bundle.params
    cotangent = np.ones(3 * len(bundle.weights))
    alone = count_operations(function, params)
    forward = count_operations(lambda x, t: jvp(function, (x,), (t,)), params, np.ones(len(params)))
    reverse = count_operations(lambda x, c: vjp(function, x)[1](c), params, cotangent)
    return alone, forward, alone, reverse - alone


def by_differences(
    function: Callable[[Any], Any], params: np.ndarray, pattern: Pattern, colors: np.ndarray
) -> np.ndarray:
    """Central differences: the columns of a colour are moved together, each by its own step."""
    steps = best_step(float, "central") * np.maximum(1, np.abs(params))
    found = np.zeros(len(pattern.rows))
    for color in range(colors.max() + 1):
        moved = np.where(colors == color, steps, 0.0)
        change = function(params + moved) - function(params - moved)
        mine = np.flatnonzero(colors[pattern.columns] == color)
        found[mine] = change[pattern.rows[mine]] / (2 * steps[pattern.columns[mine]])
    return found


def in_jax(bundle: Bundle) -> tuple[Callable[[], object], Callable[[], np.ndarray]]:
    """The function and its entries: one observation, and all of them by `vmap`."""

    def of_block(block: jax.Array, place: jax.Array) -> jax.Array:
        numbers = list(block)
        camera, point = numbers[:CAMERA], numbers[CAMERA:-1]
        return jnp.stack([*errors_of(camera, point, numbers[-1], list(place), IN_JAX)])

    camera, point = bundle.seen.T
    blocks = np.concatenate(
        [bundle.cameras[camera], bundle.points[point], bundle.weights[:, None]], axis=1
    )
    value = jax.jit(jax.vmap(of_block))
    jacobian = jax.jit(jax.vmap(jax.jacrev(of_block)))

    def entries() -> np.ndarray:
        found = np.asarray(jacobian(blocks, bundle.places))
        return np.concatenate([found[:, :2].ravel(), found[:, 2, BLOCK - 1]])

    return lambda: jax.block_until_ready(value(blocks, bundle.places)), entries


config = ADBenchBundle()
