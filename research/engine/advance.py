"""The compiled loop: one program drives every slice of a run."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from research.engine import keys, metrics
from research.engine.experiment import Experiment, Hyperparameters, State
from research.engine.feed import Feed
from research.engine.hyperparameters import traced
from research.engine.metrics import Metrics

LOSS = "loss"


class Carry(NamedTuple):
    """What goes round the loop, and into a checkpoint.

    Attributes:
        seed: uint32 scalar.
        state: the experiment's own state; the run's digest covers this alone.
        metrics: sums since the last report.
        nonfinite: int32 scalar, the first step whose loss was not finite, or -1.
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


def make_advance(experiment: Experiment, feed: Feed) -> Callable[..., Carry]:
    """The loop `(carry, arrays, start, stop, fresh, halt) -> carry`, to be compiled once.

    The bounds are traced, so that no slicing of a run compiles again or changes a bit (a scan
    with a static length may differ from another length). `fresh` empties the metrics first.
    With `halt` the loop ends after the first step whose loss is not finite, which leaves the
    state as that step made it.
    """

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
        update_key = keys.stream(carry.seed, "update")

        def goes_on(loop: tuple[jax.Array, Carry]) -> jax.Array:
            step, carry = loop
            return (step < stop) & ~(halt & (carry.nonfinite >= 0))

        def one_step(loop: tuple[jax.Array, Carry]) -> tuple[jax.Array, Carry]:
            step, carry = loop
            batch = materialised(lambda: feed.batch(arrays, carry.seed, step), step)
            state, seen = experiment.update(carry.state, batch, keys.at_step(update_key, step))
            bad = ~all_finite(seen.get(LOSS))
            return step + 1, Carry(
                carry.seed,
                state,
                metrics.merge(carry.metrics, seen),
                jnp.where(bad & (carry.nonfinite < 0), step, carry.nonfinite),
            )

        return jax.lax.while_loop(goes_on, one_step, (start, carry))[1]

    return advance


def materialised(make: Callable[[], Any], step: jax.Array) -> Any:
    """What `make` gives, in memory of its own before anything is computed with it.

    Were a batch's gathering fused with the update's arithmetic, the compiler's choice of fused
    multiply-adds there, and with it the last bit, would depend on where the batch comes from.
    On CPU, where XLA drops `optimization_barrier`, a branch on a value that it cannot know keeps
    the two apart: steps are never negative.
    """
    shapes = jax.eval_shape(make)
    if not jax.tree.leaves(shapes):
        return make()

    def apart() -> Any:
        nothing = partial(jax.tree.map, lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)
        return jax.lax.cond(step >= 0, make, nothing)

    return jax.lax.platform_dependent(
        cpu=apart, default=lambda: jax.lax.optimization_barrier(make())
    )


def all_finite(tree: Any) -> jax.Array:
    """Whether every number in a pytree is finite; true of an empty one."""
    checks = [jnp.all(jnp.isfinite(leaf)) for leaf in jax.tree.leaves(tree)]
    return jnp.all(jnp.stack(checks)) if checks else jnp.bool_(True)


def make_evaluate(experiment: Experiment) -> Callable[..., Metrics]:
    """`(seed, state, batch, step, index) -> metrics` of the index-th batch of a split."""

    def evaluate(
        seed: jax.Array, state: State, batch: Any, step: jax.Array, index: jax.Array
    ) -> Metrics:
        key = keys.at_step(keys.at_step(keys.stream(seed, "evaluate"), step), index)
        return experiment.evaluate(state, batch, key)

    return evaluate


class Program:
    """An experiment compiled for one feed. Each function is compiled once, ahead of its use.

    Attributes:
        experiment: what runs.
        feed: what feeds it.
        shapes: the carry's shapes and dtypes, a pytree of `jax.ShapeDtypeStruct`.
        compile_seconds: time spent tracing and compiling so far.
        compilations: name -> how often it was compiled; 1 each, however a run is sliced.
    """

    def __init__(self, experiment: Experiment, feed: Feed) -> None:
        self.experiment = experiment
        self.feed = feed
        self.compile_seconds = 0.0
        self.compilations: dict[str, int] = {}
        self._compiled: dict[str, Any] = {}
        self._initial = make_initial(experiment, feed, self._example_arrays())
        self.shapes: Carry = jax.eval_shape(self._initial, *self._seed_and_floats(0, None))

    def _example_arrays(self) -> Any:
        if not self.experiment.steps:
            return None
        return next(iter(self.feed.windows(0, 0, 1))).arrays

    def _seed_and_floats(
        self, seed: int, hyperparameters: Mapping[str, float] | None
    ) -> tuple[jax.Array, Hyperparameters]:
        values = self.experiment.hyperparameters if hyperparameters is None else hyperparameters
        return jax.device_put(np.uint32(seed)), traced(values)

    def _call(self, name: str, jitted: Any, *arguments: Any) -> Any:
        if name not in self._compiled:
            began = time.perf_counter()
            self._compiled[name] = jitted.lower(*arguments).compile()
            self.compile_seconds += time.perf_counter() - began
            self.compilations[name] = self.compilations.get(name, 0) + 1
        return self._compiled[name](*arguments)

    def initial(self, seed: int, hyperparameters: Mapping[str, float] | None = None) -> Carry:
        """The carry of a seed before its first step."""
        arguments = self._seed_and_floats(seed, hyperparameters)
        return self._call("initial", jax.jit(self._initial), *arguments)

    def advance(
        self, carry: Carry, arrays: Any, start: int, stop: int, *, fresh: bool, halt: bool
    ) -> Carry:
        """The carry after steps `start` to `stop`; the carry given is consumed."""
        jitted = jax.jit(make_advance(self.experiment, self.feed), donate_argnums=0)
        return self._call(
            "advance",
            jitted,
            carry,
            arrays,
            np.int32(start),
            np.int32(stop),
            np.bool_(fresh),
            np.bool_(halt),
        )

    def evaluate(self, carry: Carry, split: str, step: int) -> Metrics:
        """The metrics of a whole split, on the device: every example counted once."""
        jitted = jax.jit(make_evaluate(self.experiment))
        total: Metrics | None = None
        for index, batch in enumerate(self.feed.evaluation(split)):
            seen = self._call(
                "evaluate",
                jitted,
                carry.seed,
                carry.state,
                batch,
                np.int32(step),
                np.int32(index),
            )
            if total is None:
                total = seen
            else:
                total = self._call("merge", jax.jit(metrics.merge), total, seen)
        return total or {}

    def memory(self) -> dict[str, int]:
        """Bytes that the compiled loop needs on the device; empty before it is compiled."""
        if "advance" not in self._compiled:
            return {}
        analysis = self._compiled["advance"].memory_analysis()
        names = ("argument_size_in_bytes", "output_size_in_bytes", "temp_size_in_bytes")
        return {name: int(getattr(analysis, name)) for name in names}
