"""The gradient of a weighted mean loss, folded over groups of the batch in a fixed tree."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp

from research.engine import metrics
from research.engine.experiment import Batch, Key
from research.engine.groups import join, over_groups, split
from research.engine.metrics import Metrics


class WeightedLoss(NamedTuple):
    """The two sums of a mean loss, and what else was seen.

    Attributes:
        total: float32 scalar, the sum of weight times loss.
        weight: float32 scalar, the sum of weights; does not depend on the parameters.
        metrics: sums, merged over groups.
        statistics: what is averaged over groups by their weights, such as those of a batch.
        kept: what is kept of each row, leaves `[rows, ...]`.
    """

    total: jax.Array
    weight: jax.Array
    metrics: Metrics
    statistics: Any = ()
    kept: Any = ()


class Descent(NamedTuple):
    """What a batch says of the parameters.

    Attributes:
        gradient: of the weighted mean loss.
        metrics: of the whole batch.
        statistics: averages over groups.
        kept: of each row, leaves `[batch, ...]`.
    """

    gradient: Any
    metrics: Metrics
    statistics: Any
    kept: Any


LossFunction: TypeAlias = Callable[[Any, Batch, Key], WeightedLoss]


def make_gradient(loss: LossFunction, groups: int = 1) -> Callable[[Any, Batch, Key], Descent]:
    """A function (params, batch, key) -> the gradient of total / weight, and what goes with it.

    The batch is cut into `groups` equal parts in order, which devices may share; totals, weights
    and gradients of totals are folded in a fixed tree and divided once at the end, so that padded
    rows count nothing wherever they lie. Group `i` is given the key `fold_in(key, i)`. Equal to
    the gradient of the whole batch up to rounding, for the memory of one group's activations. A
    batch of no weight gives zeros.

    Raises:
        ValueError: when called with a batch that does not divide into that many groups.
    """

    def total(params: Any, batch: Batch, key: Key) -> tuple[jax.Array, WeightedLoss]:
        seen = loss(params, batch, key)
        return seen.total, seen

    group_gradient = jax.grad(total, has_aux=True)

    def gradient(params: Any, batch: Batch, key: Key) -> Descent:
        def of_group(rows: Batch, key: Key) -> tuple[tuple[Any, WeightedLoss], Any]:
            gradient, seen = group_gradient(params, rows, key)
            # A group of padding alone may have statistics that are no numbers.
            weighted = jax.tree.map(
                lambda leaf: jnp.where(seen.weight > 0, seen.weight * leaf, 0.0), seen.statistics
            )
            return (gradient, seen._replace(statistics=weighted, kept=())), seen.kept

        (sums, seen), kept = over_groups(of_group, groups, split(batch, groups), key, _merge)
        scale = jnp.where(seen.weight > 0, 1.0 / jnp.maximum(seen.weight, 1e-12), 0.0)

        def mean(tree: Any) -> Any:
            return jax.tree.map(lambda leaf: leaf * scale.astype(leaf.dtype), tree)

        return Descent(mean(sums), seen.metrics, mean(seen.statistics), join(kept))

    return gradient


def _merge(left: tuple[Any, WeightedLoss], right: tuple[Any, WeightedLoss]) -> Any:
    return jax.tree.map(jnp.add, left[0], right[0]), WeightedLoss(
        left[1].total + right[1].total,
        left[1].weight + right[1].weight,
        metrics.merge(left[1].metrics, right[1].metrics),
        jax.tree.map(jnp.add, left[1].statistics, right[1].statistics),
    )
