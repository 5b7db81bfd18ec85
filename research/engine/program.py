"""An experiment compiled: what the host loop, the saver and the proof work with."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec

from research.engine import mesh, metrics
from research.engine.advance import Carry, make_advance, make_evaluate, make_initial
from research.engine.digests import Leaves
from research.engine.experiment import Experiment, Feed, Hyperparameters, Window, traced
from research.engine.leaves import Reader, name_leaves, rebuild
from research.engine.metrics import Metrics
from research.engine.tracing import traced_once

_ONCE = {"xla_backend_optimization_level": 1}
"""Compiler options of what is computed once, at the start of a run: LLVM's costly passes are left
out. They take three quarters of the compiler's time there and save some milliseconds. The initial
states of all named experiments have the same bits with and without."""


class Program:
    """An experiment compiled for one feed. Each function is compiled once, ahead of its use.

    On several devices each has the whole state and computes its share of the groups of each batch;
    what is no step of training (the beginning, evaluation) is done by the first alone, by the
    program of a run on one device.

    Args:
        experiment: what runs.
        feed: what feeds it.
        devices: where to; None for the first device.

    Attributes:
        experiment: what runs.
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
        self.experiment = experiment._replace(update=traced_once(experiment.update))
        self.feed = feed
        devices = jax.local_devices()[:1] if devices is None else list(devices)
        shape = mesh.shape_of(len(devices), self._blocks, experiment.groups)
        self._mesh = mesh.make_mesh(devices, shape)
        self._laid: tuple[Any, Any] = (None, None)
        self.compilations: dict[str, int] = {}
        self._compiled: dict[str, Any] = {}
        self._initial = make_initial(self.experiment, feed, self._example_arrays())
        began = time.perf_counter()
        self.shapes: Carry = jax.eval_shape(self._initial, *self._seed_and_floats(0, None))
        self.compile_seconds = time.perf_counter() - began
        self.member_shapes = self.shapes

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
        return self._call("initial", jax.jit(self._initial), *arguments)

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
        function = make_advance(self.experiment, self.feed)
        if self._mesh.size > 1:
            spread = mesh.over(self._mesh, function, mesh.EVERYWHERE, mesh.EVERYWHERE)
            # A leaf without elements would come back on no device in particular.
            sharding = NamedSharding(self._mesh, mesh.EVERYWHERE)
            jitted = jax.jit(spread, donate_argnums=0, out_shardings=sharding)
        else:
            jitted = jax.jit(function, donate_argnums=0)
        bounds = np.int32(start), np.int32(stop), np.bool_(fresh), np.bool_(halt)
        return self._call("advance", jitted, carry, arrays, *bounds)

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

        Args:
            leaves: step -> leaves then.
            steps: the step of each member.
        """
        return leaves[steps[0]]

    def close(self, *, complete: bool) -> None:
        """Give back what it holds beside its feed; `complete` tells that its work was done."""

    def evaluate(self, carry: Carry, split: str, step: int) -> Metrics:
        """The metrics of a whole split, on the device: every example counted once."""
        total: Metrics | None = None
        for index, batch in enumerate(self.feed.evaluation(split)):
            seen = self._evaluate(carry, batch, np.int32(step), np.int32(index))
            if total is None:
                total = seen
            else:
                total = self._call("merge", jax.jit(metrics.merge), total, seen)
        return total or {}

    def _evaluate(self, carry: Carry, batch: Any, step: np.int32, index: np.int32) -> Metrics:
        jitted = jax.jit(make_evaluate(self.experiment))
        seed, state = mesh.here((carry.seed, carry.state))
        return self._call("evaluate", jitted, seed, state, batch, step, index)

    def memory(self) -> dict[str, int]:
        """Bytes that the compiled loop needs on the device; empty before it is compiled."""
        if "advance" not in self._compiled:
            return {}
        analysis = self._compiled["advance"].memory_analysis()
        names = ("argument_size_in_bytes", "output_size_in_bytes", "temp_size_in_bytes")
        return {name: int(getattr(analysis, name)) for name in names}
