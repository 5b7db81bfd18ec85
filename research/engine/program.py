"""An experiment compiled: one program drives every slice of a run.

The host loop, the saver and the proof work with it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec

from research.engine import keys, mesh, metrics
from research.engine.digests import Leaves
from research.engine.experiment import (
    Experiment,
    Feed,
    Hyperparameters,
    Inputs,
    State,
    Window,
    bind,
    traced,
)
from research.engine.groups import materialised, traced_once
from research.engine.leaves import Reader, name_leaves, rebuild
from research.engine.metrics import Metrics
from research.engine.waiting import Waiting


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
    With `halt` the loop ends after the first step with a metric that is not finite, and the state
    is as that step made it.

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
        state, new = experiment.update(carry.state, batch, keys.at_step(update_key, step))
        bad = ~metrics.all_finite(new)
        return Carry(
            carry.seed,
            state,
            metrics.merge(carry.metrics, new),
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


def make_glimpse(experiment: Experiment) -> Callable[..., Any]:
    """`(seed, state, step) -> arrays` of the experiment's glimpse."""
    glimpse = experiment.glimpse
    assert glimpse is not None

    def make(seed: jax.Array, state: State, step: jax.Array) -> Any:
        return glimpse.make(state, keys.at_step(keys.stream(seed, "sample"), step))

    return make


_ONCE = {"xla_backend_optimization_level": 1}
"""Compiler options of what is computed once, at the start of a run: LLVM's costly passes are left
out. They take three quarters of the compiler's time there and save some milliseconds. The initial
states of all named experiments have the same bits with and without."""


class Program:
    """An experiment compiled for one feed. Each function is compiled once, ahead of its use.

    On several devices each has the whole state and computes its share of the groups of each batch;
    what is no step of training (the beginning, evaluation) is done by the first alone, by the
    program of a run on one device.

    `devices` None is the first device.

    Attributes:
        experiment: what runs, its functions given the states of other runs.
        feed: what feeds it.
        shapes: the carry's shapes and dtypes, a pytree of `jax.ShapeDtypeStruct`; what a
            checkpoint holds.
        member_shapes: those of the carry of one seed; the same, except in a population.
        compile_seconds: time spent tracing and compiling so far.
        compilations: name -> how often it was compiled; 1 each, however a run is sliced.
    """

    def __init__(
        self, experiment: Experiment, feed: Feed, devices: Sequence[jax.Device] | None = None
    ) -> None:
        self._inputs = dict(experiment.inputs)
        self._unbound = experiment._replace(update=traced_once(experiment.update))
        if experiment.glimpse is not None:
            glimpse = experiment.glimpse._replace(make=traced_once(experiment.glimpse.make))
            self._unbound = self._unbound._replace(glimpse=glimpse)
        self.experiment = bind(self._unbound, self._inputs)
        self.feed = feed
        devices = jax.local_devices()[:1] if devices is None else list(devices)
        shape = mesh.shape_of(len(devices), self._blocks, experiment.groups)
        self._mesh = mesh.make_mesh(devices, shape)
        self._laid: tuple[Any, Any] = (None, None)
        self._laid_inputs = self._lay(self._inputs, mesh.EVERYWHERE)
        self.compilations: dict[str, int] = {}
        self._compiled: dict[str, Any] = {}
        self._example = self._example_arrays()
        began = time.perf_counter()
        self.shapes: Carry = jax.eval_shape(
            self._initial, self._inputs, *self._seed_and_floats(0, None)
        )
        self.compile_seconds = time.perf_counter() - began
        self.member_shapes = self.shapes

    def _initial(self, inputs: Inputs, *arguments: Any) -> Carry:
        experiment = bind(self._unbound, inputs)
        return make_initial(experiment, self.feed, self._example)(*arguments)

    def _example_arrays(self) -> Any:
        if not self.experiment.steps:
            return None
        return next(iter(self.feed.windows(0, 0, 1))).arrays

    def _seed_and_floats(
        self, seed: int, hyperparameters: Mapping[str, float] | None
    ) -> tuple[jax.Array, Hyperparameters]:
        values = self.experiment.hyperparameters if hyperparameters is None else hyperparameters
        return jax.device_put(np.uint32(seed)), traced(values)

    @property
    def _blocks(self) -> int:
        """Blocks of members, which can be spread over devices."""
        return 1

    def _call(self, name: str, jitted: Any, *arguments: Any) -> Any:
        """Call what is compiled under a name."""
        if name not in self._compiled:
            began = time.perf_counter()
            options = mesh.COMPILER_OPTIONS | (_ONCE if self._runs_once(name) else {})
            self._compiled[name] = jitted.lower(*arguments).compile(options)
            self.compile_seconds += time.perf_counter() - began
            self.compilations[name] = self.compilations.get(name, 0) + 1
        return self._compiled[name](*arguments)

    def _runs_once(self, name: str) -> bool:
        return name == "initial" and self._mesh.devices.flat[0].platform == "cpu"

    def initial(self, seed: int, hyperparameters: Mapping[str, float] | None = None) -> Carry:
        """The carry of a seed before its first step."""
        return self._lay(self._initial_of(seed, hyperparameters), mesh.EVERYWHERE)

    def _initial_of(self, seed: int, hyperparameters: Mapping[str, float] | None) -> Carry:
        arguments = self._seed_and_floats(seed, hyperparameters)
        return self._call("initial", jax.jit(self._initial), self._inputs, *arguments)

    def _lay(self, tree: Any, spec: PartitionSpec) -> Any:
        """The tree on the mesh; on a mesh of one device it stays where it is."""
        return mesh.lay(tree, self._mesh, spec) if self._mesh.size > 1 else tree

    def _lay_arrays(self, arrays: Any) -> Any:
        """What a window brings, on every device; what is resident is laid there once."""
        if self._laid[0] is not arrays:
            self._laid = (arrays, self._lay(arrays, mesh.EVERYWHERE))
        return self._laid[1]

    def advance(
        self, carry: Carry, arrays: Any, start: int, stop: int, *, fresh: bool, halt: bool
    ) -> Carry:
        """The carry after steps `start` to `stop`; the carry given is consumed."""

        def advance(inputs: Inputs, *arguments: Any) -> Carry:
            return make_advance(bind(self._unbound, inputs), self.feed)(*arguments)

        if self._mesh.size > 1:
            spread = mesh.over(self._mesh, advance, mesh.EVERYWHERE, mesh.EVERYWHERE)
            # A leaf without elements would come back on no device in particular.
            sharding = NamedSharding(self._mesh, mesh.EVERYWHERE)
            jitted = jax.jit(spread, donate_argnums=1, out_shardings=sharding)
        else:
            jitted = jax.jit(advance, donate_argnums=1)
        bounds = np.int32(start), np.int32(stop), np.bool_(fresh), np.bool_(halt)
        return self._call("advance", jitted, self._laid_inputs, carry, arrays, *bounds)

    @property
    def on_one_cpu(self) -> bool:
        """Whether one CPU device computes it all."""
        return self._mesh.size == 1 and self._mesh.devices.flat[0].platform == "cpu"

    @property
    def members(self) -> int:
        """How many are trained: 1, except in a population."""
        return 1

    @property
    def items_per_step(self) -> int:
        """Items in one update, of all members of a population together."""
        return self.experiment.items_per_step

    def windows(self, seed: int, start: int, stop: int) -> Iterator[Window]:
        """What the steps from `start` to `stop` run on, as `Feed.windows` has it."""
        for window in self.feed.windows(seed, start, stop):
            yield window._replace(arrays=self._lay_arrays(window.arrays))

    def waiting(self) -> Waiting | None:
        """What the windows so far were waited for, as `Feed.waiting` has it."""
        return self.feed.waiting()

    def leaves(self, carry: Carry, reader: Reader) -> Leaves:
        """A carry's leaves on the host, as a checkpoint holds them."""
        return self.read(name_leaves(carry), reader)

    def place(self, leaves: Mapping[str, np.ndarray]) -> Carry:
        """The carry of a checkpoint's leaves, on the devices."""
        return self._lay(rebuild(self.shapes, leaves), mesh.EVERYWHERE)

    def read(self, tree: Any, reader: Reader) -> Any:
        """Metrics, or another part of a carry, on the host."""
        return reader(mesh.whole(tree))

    def each(self, tree: Any) -> list[Any]:
        """What `read` gave, member by member."""
        return [tree]

    def chosen(self, leaves: Mapping[int, Leaves], steps: Sequence[int]) -> Leaves:
        """The leaves of a state in which each member stands at a step of its own.

        `leaves` maps a step to its leaves; `steps` has one a member.
        """
        return leaves[steps[0]]

    def close(self, *, complete: bool) -> None:
        """Release what it holds beside its feed; `complete` is whether its work was done."""

    def evaluate(self, carry: Carry, split: str, step: int) -> Metrics:
        """The metrics of a whole split, on the device: every example counted once."""
        total: Metrics | None = None
        for index, batch in enumerate(self.feed.evaluation(split)):
            new = self._evaluate(carry, batch, np.int32(step), np.int32(index))
            before, total = total, new
            if before is not None:
                total = self._call("merge", jax.jit(metrics.merge), before, new)
                # What is given to the device stays in memory until it is done.
                jax.block_until_ready(before)
        return total or {}

    def _evaluate(self, carry: Carry, batch: Any, step: np.int32, index: np.int32) -> Metrics:
        def evaluate(inputs: Inputs, *arguments: Any) -> Metrics:
            return make_evaluate(bind(self._unbound, inputs))(*arguments)

        seed, state = mesh.here((carry.seed, carry.state))
        jitted = jax.jit(evaluate)
        return self._call("evaluate", jitted, self._inputs, seed, state, batch, step, index)

    def glimpse(self, carry: Carry, step: int) -> Any:
        """What the experiment's glimpse makes of the state of a step, on the device.

        Of a population, that is its first member.
        """

        def of_first(inputs: Inputs, seed: jax.Array, state: State, step: jax.Array) -> Any:
            one = make_glimpse(bind(self._unbound, inputs))
            return one(*self._first((seed, state)), step)

        seed, state = mesh.here((carry.seed, carry.state))
        jitted = jax.jit(of_first)
        return self._call("glimpse", jitted, self._inputs, seed, state, np.int32(step))

    def _first(self, tree: Any) -> Any:
        """The first member's part of what lies on the first device."""
        return tree
