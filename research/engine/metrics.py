"""Metrics as sums that the device reduces: nothing per step reaches the host."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from research.engine.record import Figure


class Mean(NamedTuple):
    """A weighted mean, kept as its two sums. Empty (no weight yet) reads as None."""

    total: jax.Array
    weight: jax.Array


class Count(NamedTuple):
    """A number of events, for instance finished episodes. Never empty."""

    total: jax.Array


class Maximum(NamedTuple):
    """The largest value. Empty (-inf) reads as None."""

    value: jax.Array


class Sums(NamedTuple):
    """Sums of any shape: of each class, say, or a confusion matrix. Never empty.

    No figure: curves, tables and selection take numbers alone. The sums over a final split are kept
    in `result.json`, and the ledger has them.
    """

    total: jax.Array


Metric: TypeAlias = Mean | Count | Maximum | Sums
Metrics: TypeAlias = dict[str, Metric]


def mean(values: jax.Array, weights: jax.Array | float = 1.0) -> Mean:
    """The weighted mean of `values`: sums in float32 over all axes.

    Args:
        values: `[...]`, any float or bool dtype. A value of weight 0 is ignored, even NaN.
        weights: broadcastable to `values`.
    """
    values = jnp.asarray(values, jnp.float32)
    weights = jnp.broadcast_to(jnp.asarray(weights, jnp.float32), values.shape)
    return Mean(jnp.sum(jnp.where(weights == 0, 0.0, values * weights)), jnp.sum(weights))


def count(events: jax.Array) -> Count:
    """The number of true entries, float32 (exact to 2**24 an interval)."""
    return Count(jnp.sum(jnp.asarray(events, jnp.float32)))


def maximum(values: jax.Array, where: jax.Array | bool = True) -> Maximum:
    """The largest of `values` `[...]` where `where` holds; empty where it holds nowhere."""
    values = jnp.asarray(values, jnp.float32)
    return Maximum(jnp.max(jnp.where(where, values, -jnp.inf), initial=-jnp.inf))


def confusion(label: jax.Array, predicted: jax.Array, classes: int, weight: jax.Array) -> Sums:
    """How often examples of each class were taken for each class: `[true class, predicted class]`.

    Args:
        label: int `[batch]`.
        predicted: int `[batch]`.
        classes: how many there are.
        weight: float32 `[batch]`.
    """
    true = jax.nn.one_hot(label, classes, dtype=jnp.float32) * weight[:, None]
    # Sums of whole numbers are exact in any order (to 2**24).
    return Sums(true.T @ jax.nn.one_hot(predicted, classes, dtype=jnp.float32))


def merge(left: Metrics, right: Metrics) -> Metrics:
    """Both intervals as one. The names must be the same."""
    if left.keys() != right.keys():
        raise ValueError(f"metrics differ in names: {sorted(left)} and {sorted(right)}")
    return {name: _merge(left[name], right[name]) for name in left}


def _merge(left: Metric, right: Metric) -> Metric:
    match left, right:
        case Mean(), Mean():
            return Mean(left.total + right.total, left.weight + right.weight)
        case Count(), Count():
            return Count(left.total + right.total)
        case Sums(), Sums():
            return Sums(left.total + right.total)
        case Maximum(), Maximum():
            return Maximum(jnp.maximum(left.value, right.value))
    raise TypeError(f"cannot merge {type(left).__name__} with {type(right).__name__}")


def merge_all(stacked: Metrics) -> Metrics:
    """Many intervals as one: leaves `[intervals, ...]`, as `jax.lax.scan` stacks them."""

    def all_of(metric: Metric) -> Metric:
        if isinstance(metric, Maximum):
            return Maximum(jnp.max(metric.value, axis=0))
        return jax.tree.map(lambda leaf: jnp.sum(leaf, axis=0), metric)

    return {name: all_of(metric) for name, metric in stacked.items()}


def all_finite(metrics: Metrics) -> jax.Array:
    """Whether no metric holds NaN or infinity, bool scalar. A maximum of nothing, -inf, may be."""

    def is_finite(metric: Metric) -> jax.Array:
        if isinstance(metric, Maximum):
            return metric.value < jnp.inf
        if isinstance(metric, Sums):
            return jnp.all(jnp.isfinite(metric.total))
        return jnp.isfinite(metric.total)

    checks = [is_finite(metric) for metric in metrics.values()]
    return jnp.all(jnp.stack(checks)) if checks else jnp.bool_(True)


def empty_like(metrics: Any) -> Metrics:
    """The neutral element of `merge` for metrics (or their shapes, from `jax.eval_shape`)."""

    def empty(metric: Metric) -> Metric:
        if isinstance(metric, Maximum):
            return Maximum(jnp.full(metric.value.shape, -jnp.inf, jnp.float32))
        return jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, jnp.float32), metric)

    return {name: empty(metric) for name, metric in metrics.items()}


def figure_names(metrics: Metrics) -> list[str]:
    """The names of those that are figures and no sums."""
    return [name for name, metric in metrics.items() if not isinstance(metric, Sums)]


def read(metrics: Metrics, prefix: str = "") -> dict[str, Figure]:
    """Host floats from metrics already on the host; None for an empty interval. Without sums.

    Where the metrics' leaves are `[members]`, each figure is a list with one float a member.
    """

    def value(metric: Metric) -> float | None:
        match metric:
            case Mean(total, weight):
                return float(total) / float(weight) if float(weight) != 0 else None
            case Maximum(largest):
                return None if float(largest) == -float("inf") else float(largest)
            case Count(total):
                return float(total)
        raise TypeError(f"{type(metric).__name__} is no figure")

    def figure(metric: Metric) -> Figure:
        members = np.shape(metric[0])
        if not members:
            return value(metric)
        return [value(jax.tree.map(lambda leaf, i=i: leaf[i], metric)) for i in range(members[0])]

    return {f"{prefix}{name}": figure(metrics[name]) for name in figure_names(metrics)}


def read_sums(metrics: Metrics, prefix: str = "") -> dict[str, np.ndarray]:
    """The sums among metrics already on the host; `[members, ...]` where those have members."""
    return {
        f"{prefix}{name}": np.asarray(metric.total)
        for name, metric in metrics.items()
        if isinstance(metric, Sums)
    }
