"""The compiled loop: one program drives every slice of a run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from research.engine import keys, metrics
from research.engine.experiment import Experiment, Feed, Hyperparameters, State
from research.engine.metrics import Metrics
from research.engine.tracing import materialised


class Carry(NamedTuple):
    """What goes round the loop, and into a checkpoint.

    Attributes:
        seed: uint32 scalar.
        state: the experiment's own state; the run's digest covers this alone.
        metrics: sums since the last report.
        nonfinite: int32 scalar, the first step of whose metrics one was not finite, or -1.
    """

    seed: jax.Array
    state: State
    metrics: Metrics
    nonfinite: jax.Array


def make_initial(
    experiment: Experiment, feed: Feed, arrays: Any
) -> Callable[[jax.Array, Hyperparameters], Carry]:
    """A function (seed, hyperparameters) -> the carry before the first step."""

    def initial(seed: jax.Array, hyperparameters: Hyperparameters) -> Carry:
        state = experiment.init(keys.stream(seed, "init"), hyperparameters)

        def first(state: State) -> tuple[State, Metrics]:
            batch = feed.batch(arrays, seed, jnp.int32(0))
            return experiment.update(state, batch, keys.stream(seed, "update"))

        shapes = jax.eval_shape(first, state)[1] if experiment.steps else {}
        return Carry(seed, state, metrics.empty_like(shapes), jnp.int32(-1))

    return initial


def make_advance(
    experiment: Experiment,
    feed: Feed,
    width: int | None = None,
    arrays_per_member: bool = False,
) -> Callable[..., Carry]:
    """The loop `(carry, arrays, start, stop, fresh, halt) -> carry`, to be compiled once.

    The bounds are traced, so that no slicing of a run compiles again or changes a bit (a scan
    with a static length may differ from another length). `fresh` empties the metrics first.
    With `halt` the loop ends after the first step that tells a metric that is not finite, which
    leaves the state as that step made it.

    Args:
        experiment: what runs.
        feed: makes the batches.
        width: None for one carry; else the loop is one of `width` carries at once, each leaf
            `[width, ...]`, and ends with `halt` where a metric of any of them is not finite.
        arrays_per_member: whether the leaves of `arrays` are `[width, ...]` as well.
    """

    def one_step(carry: Carry, arrays: Any, update_key: jax.Array, step: jax.Array) -> Carry:
        # Wherever a batch comes from: steps are never negative, which the compiler does not know.
        batch = materialised(lambda: feed.batch(arrays, carry.seed, step), step >= 0)
        state, seen = experiment.update(carry.state, batch, keys.at_step(update_key, step))
        bad = ~metrics.all_finite(seen)
        return Carry(
            carry.seed,
            state,
            metrics.merge(carry.metrics, seen),
            jnp.where(bad & (carry.nonfinite < 0), step, carry.nonfinite),
        )

    def update_key_of(seed: jax.Array) -> jax.Array:
        return keys.stream(seed, "update")

    # The loop is around the members and not within them: a bound of each member's own would make
    # the compiler compute every step for all and throw results away.
    step_all, key_all = one_step, update_key_of
    if width is not None:
        step_all = jax.vmap(one_step, in_axes=(0, 0 if arrays_per_member else None, 0, None))
        key_all = jax.vmap(update_key_of)

    def advance(
        carry: Carry,
        arrays: Any,
        start: jax.Array,
        stop: jax.Array,
        fresh: jax.Array,
        halt: jax.Array,
    ) -> Carry:
        empty = metrics.empty_like(carry.metrics)
        carry = carry._replace(
            metrics=jax.tree.map(
                lambda zero, total: jnp.where(fresh, zero, total), empty, carry.metrics
            )
        )
        update_key = key_all(carry.seed)

        def goes_on(loop: tuple[jax.Array, Carry]) -> jax.Array:
            step, carry = loop
            nonfinite = carry.nonfinite if width is None else jnp.max(carry.nonfinite)
            return (step < stop) & ~(halt & (nonfinite >= 0))

        def once(loop: tuple[jax.Array, Carry]) -> tuple[jax.Array, Carry]:
            step, carry = loop
            return step + 1, step_all(carry, arrays, update_key, step)

        return jax.lax.while_loop(goes_on, once, (start, carry))[1]

    return advance


def make_evaluate(experiment: Experiment) -> Callable[..., Metrics]:
    """`(seed, state, batch, step, index) -> metrics` of the index-th batch of a split."""

    def evaluate(
        seed: jax.Array, state: State, batch: Any, step: jax.Array, index: jax.Array
    ) -> Metrics:
        key = keys.at_step(keys.at_step(keys.stream(seed, "evaluate"), step), index)
        return experiment.evaluate(state, batch, key)

    return evaluate
