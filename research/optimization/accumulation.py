"""The gradient of a weighted mean loss, folded over micro-batches in a fixed order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp

from research.engine import metrics
from research.engine.experiment import Batch, Key
from research.engine.metrics import Metrics


class WeightedLoss(NamedTuple):
    """The two sums of a mean loss, and what else was seen.

    Attributes:
        total: float32 scalar, the sum of weight times loss.
        weight: float32 scalar, the sum of weights; does not depend on the parameters.
        metrics: sums, merged over micro-batches.
    """

    total: jax.Array
    weight: jax.Array
    metrics: Metrics


LossFunction: TypeAlias = Callable[[Any, Batch, Key], WeightedLoss]


def make_gradient(
    loss: LossFunction, micro_batches: int = 1
) -> Callable[[Any, Batch, Key], tuple[Any, Metrics]]:
    """A function (params, batch, key) -> (gradient of total / weight, metrics).

    The batch is cut into `micro_batches` equal parts in order; totals, weights and gradients of
    totals are summed part after part and divided once at the end, so that padded rows count
    nothing wherever they lie. Part `i` is given the key `fold_in(key, i)`. Equal to the gradient
    of the whole batch up to rounding, for one part's memory. A batch of no weight gives zeros.

    Raises:
        ValueError: when called with a batch that does not divide into that many parts.
    """

    def total(params: Any, batch: Batch, key: Key) -> tuple[jax.Array, WeightedLoss]:
        seen = loss(params, batch, key)
        return seen.total, seen

    part_gradient = jax.grad(total, has_aux=True)

    def gradient(params: Any, batch: Batch, key: Key) -> tuple[Any, Metrics]:
        size = jax.tree.leaves(batch)[0].shape[0]
        if size % micro_batches:
            raise ValueError(f"a batch of {size} does not divide into {micro_batches} parts")
        parts = jax.tree.map(
            lambda leaf: jnp.reshape(
                leaf, (micro_batches, size // micro_batches, *jnp.shape(leaf)[1:])
            ),
            batch,
        )

        def part(index: jax.Array | int) -> tuple[Any, WeightedLoss]:
            rows = jax.tree.map(lambda leaf: leaf[index], parts)
            return part_gradient(params, rows, jax.random.fold_in(key, index))

        def add(index: jax.Array, sums: tuple[Any, WeightedLoss]) -> tuple[Any, WeightedLoss]:
            gradients, seen = part(index)
            return jax.tree.map(jnp.add, sums[0], gradients), WeightedLoss(
                sums[1].total + seen.total,
                sums[1].weight + seen.weight,
                metrics.merge(sums[1].metrics, seen.metrics),
            )

        sums, seen = jax.lax.fori_loop(1, micro_batches, add, part(0))
        scale = jnp.where(seen.weight > 0, 1.0 / jnp.maximum(seen.weight, 1e-12), 0.0)
        return jax.tree.map(lambda leaf: leaf * scale.astype(leaf.dtype), sums), seen.metrics

    return gradient
