"""Descending a gradient: a loss -> its gradient -> an optimiser -> parameters -> their average.

Each arrow is a pure function, and each network that has a loss of its own is a `Trained` of its
own: two networks in one update are two calls of `descend`. Where devices are to share a batch,
`make_gradient` and `apply_gradient` take the place of `descend`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import optax

from research.engine import metrics
from research.engine.experiment import Batch, Hyperparameters, Key
from research.engine.groups import join, over_groups, split
from research.engine.metrics import Metrics


class Trained(NamedTuple):
    """Parameters, a pytree, and what their optimiser remembers."""

    params: Any
    opt_state: optax.OptState


def begin_training(params: Any, optimizer: optax.GradientTransformation) -> Trained:
    """Parameters before the first step."""
    return Trained(params, optimizer.init(params))


def apply_gradient(
    trained: Trained, gradient: Any, optimizer: optax.GradientTransformation
) -> Trained:
    """One step of the optimiser, for a gradient like the parameters."""
    changes, opt_state = optimizer.update(gradient, trained.opt_state, trained.params)
    return Trained(optax.apply_updates(trained.params, changes), opt_state)


def descend(
    loss: Callable[[Any], Any],
    trained: Trained,
    optimizer: optax.GradientTransformation,
    has_aux: bool = False,
) -> tuple[Trained, Any]:
    """One step of the optimiser down a loss.

    Args:
        loss: params -> a scalar; or with `has_aux`, as in `jax.value_and_grad`, -> (scalar,
            anything else).
        trained: before the step.
        optimizer: the one that `trained` began with; its learning rate may be another.
        has_aux: whether the loss gives more than the scalar.

    Returns:
        `trained` after the step, and what the loss gave before it.
    """
    value, gradient = jax.value_and_grad(loss, has_aux=has_aux)(trained.params)
    return apply_gradient(trained, gradient, optimizer), value


def with_learning_rate(
    transformation: optax.GradientTransformation, learning_rate: jax.Array
) -> optax.GradientTransformation:
    """The optimiser that steps against what a transformation makes of a gradient.

    Its state is that of the transformation and nothing else, so that the rate may be another at
    each step. (`optax.chain` with `optax.scale` would have a state of two.)

    Args:
        transformation: gradients -> steps for a learning rate of -1, as `optax.scale_by_adam()`.
        learning_rate: scalar, traced.
    """

    def update(gradient: Any, opt_state: Any, params: Any = None) -> tuple[Any, Any]:
        changes, opt_state = transformation.update(gradient, opt_state, params)
        return jax.tree.map(lambda leaf: -learning_rate * leaf, changes), opt_state

    return optax.GradientTransformation(transformation.init, update)


def clipped(
    transformation: optax.GradientTransformation, hyperparameters: Hyperparameters
) -> optax.GradientTransformation:
    """The transformation, given gradients that are clipped to the global norm `max_gradient_norm`.

    Source: Pascanu et al. 2013 (arXiv 1211.5063), algorithm 1.
    """
    clip = optax.clip_by_global_norm(hyperparameters["max_gradient_norm"])
    return optax.chain(clip, transformation)


class WeightedLoss(NamedTuple):
    """The two sums of a mean loss, and what goes with them.

    Attributes:
        total: float32 scalar, the sum of weight times loss.
        weight: float32 scalar, the sum of weights; does not depend on the parameters. None where
            every group counts the same, and `total` is its mean.
        metrics: sums, merged over groups.
        statistics: what is averaged over groups by their weights, such as those of a batch.
        kept: what is kept of each row, leaves `[rows, ...]`.
    """

    total: jax.Array
    weight: jax.Array | None
    metrics: Metrics
    statistics: Any = ()
    kept: Any = ()


def loss_and_accuracy(losses: jax.Array, hits: jax.Array, weight: jax.Array) -> WeightedLoss:
    """The loss of predictions, with metrics `loss` and `accuracy`, the share of hits.

    Losses, hits and weights are of one shape, or weights broadcastable to it.
    """
    loss = metrics.mean(losses, weight)
    return WeightedLoss(*loss, {"loss": loss, "accuracy": metrics.mean(hits, weight)})


class Descent(NamedTuple):
    """The gradient of a batch, and what goes with it.

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
"""(params, rows of a batch, key) -> their loss."""


def make_gradient(loss: LossFunction, groups: int = 1) -> Callable[[Any, Batch, Key], Descent]:
    """A function (params, batch, key) -> the gradient of total / weight, and what goes with it.

    The batch is cut into `groups` equal parts in order, which devices may share. Equal to the
    gradient of the whole batch up to rounding, for the memory of one group's activations. A batch
    of no weight gives zeros.

    Raises:
        ValueError: when called with a batch that does not divide into that many groups.
    """

    def gradient(params: Any, batch: Batch, key: Key) -> Descent:
        found = gradient_over_groups(loss, groups, params, split(batch, groups), key)
        return found._replace(kept=join(found.kept))

    return gradient


def gradient_over_groups(
    loss: LossFunction, groups: int, params: Any, stacked: Batch, key: Key
) -> Descent:
    """As `make_gradient`, for a batch that is groups already, and keeps what is kept that way.

    Totals, weights and gradients of totals are folded in a fixed tree and divided once at the end,
    so that padded rows count nothing wherever they lie.

    Args:
        loss: of one group.
        groups: how many.
        params: a pytree.
        stacked: leaves `[groups, batch / groups, ...]`.
        key: group `i` is given the key `fold_in(key, i)`.
    """

    def total(params: Any, rows: Batch, key: Key) -> tuple[jax.Array, WeightedLoss]:
        of_rows = loss(params, rows, key)
        return of_rows.total, of_rows

    def of_group(rows: Batch, key: Key) -> tuple[tuple[Any, WeightedLoss], Any]:
        gradient, found = jax.grad(total, has_aux=True)(params, rows, key)
        statistics = found.statistics
        if found.weight is not None:
            # A group of padding alone may have statistics that are no numbers.
            statistics = jax.tree.map(
                lambda leaf: jnp.where(found.weight > 0, found.weight * leaf, 0.0), statistics
            )
        return (gradient, found._replace(statistics=statistics, kept=())), found.kept

    (sums, found), kept = over_groups(of_group, groups, stacked, key, _merge)

    def mean(tree: Any) -> Any:
        if found.weight is None:
            return jax.tree.map(lambda leaf: leaf / groups, tree)
        scale = jnp.where(found.weight > 0, 1.0 / jnp.maximum(found.weight, 1e-12), 0.0)
        return jax.tree.map(lambda leaf: leaf * scale.astype(leaf.dtype), tree)

    return Descent(mean(sums), found.metrics, mean(found.statistics), kept)


def _merge(left: tuple[Any, WeightedLoss], right: tuple[Any, WeightedLoss]) -> Any:
    return jax.tree.map(jnp.add, left[0], right[0]), WeightedLoss(
        left[1].total + right[1].total,
        jax.tree.map(jnp.add, left[1].weight, right[1].weight),
        metrics.merge(left[1].metrics, right[1].metrics),
        jax.tree.map(jnp.add, left[1].statistics, right[1].statistics),
    )


def polyak(params: Any, average: Any, rate: jax.Array | float) -> Any:
    """τ θ + (1 - τ) θ', leaf by leaf: parameters that follow those that learn.

    The rate τ is from 0 (nothing changes) to 1 (a copy).

    Source: Lillicrap et al. 2016 (arXiv 1509.02971), algorithm 1.
    """
    return jax.tree.map(lambda new, old: old + rate * (new - old), params, average)


def update_average(average: Any, params: Any, decay: jax.Array, step: jax.Array) -> Any:
    """The average after one more update: `d * average + (1 - d) * params`.

    The decay starts small and grows, `d = min(decay, (1 + step) / (10 + step))`, so that the
    average forgets the random initialisation that it starts as.

    Args:
        average: a pytree like `params`; the initial parameters before the first update.
        params: the parameters after the update.
        decay: scalar in [0, 1); 0 gives the parameters themselves.
        step: int32 scalar, updates done before this one.

    Source: Polyak and Juditsky 1992; the growing decay is that of TensorFlow's
    `ExponentialMovingAverage(num_updates=...)`.
    """
    step = jnp.asarray(step, jnp.float32)
    now = jnp.minimum(decay, (1.0 + step) / (10.0 + step))
    return optax.incremental_update(params, average, 1.0 - now)
