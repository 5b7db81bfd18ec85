"""An experiment compiled: what the host loop, the saver and the proof work with."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from research.engine import metrics
from research.engine.advance import Carry, make_advance, make_evaluate, make_initial
from research.engine.experiment import Experiment, Hyperparameters
from research.engine.feed import Feed, Window
from research.engine.hyperparameters import traced
from research.engine.leaves import Leaves, Reader, name_leaves, rebuild
from research.engine.metrics import Metrics


class Program:
    """An experiment compiled for one feed. Each function is compiled once, ahead of its use.

    Attributes:
        experiment: what runs.
        feed: what feeds it.
        shapes: the carry's shapes and dtypes, a pytree of `jax.ShapeDtypeStruct`; what a
            checkpoint holds.
        member_shapes: those of the carry of one seed; the same, except in a population.
        compile_seconds: time spent tracing and compiling so far.
        compilations: name -> how often it was compiled; 1 each, however a run is sliced.
    """

    def __init__(self, experiment: Experiment, feed: Feed) -> None:
        self.experiment = experiment
        self.feed = feed
        self.compile_seconds = 0.0
        self.compilations: dict[str, int] = {}
        self._compiled: dict[str, Any] = {}
        self._compiler_options: dict[str, str] = {}
        self._initial = make_initial(experiment, feed, self._example_arrays())
        self.shapes: Carry = jax.eval_shape(self._initial, *self._seed_and_floats(0, None))
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

    def _call(self, name: str, jitted: Any, *arguments: Any) -> Any:
        if name not in self._compiled:
            began = time.perf_counter()
            self._compiled[name] = jitted.lower(*arguments).compile(self._compiler_options)
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
        return self.feed.windows(seed, start, stop)

    def leaves(self, carry: Carry, reader: Reader) -> Leaves:
        """A carry's leaves on the host, as a checkpoint holds them."""
        return reader(name_leaves(carry))

    def place(self, leaves: Mapping[str, np.ndarray]) -> Carry:
        """The carry of a checkpoint's leaves, on the device."""
        return rebuild(self.shapes, leaves)

    def read(self, tree: Any, reader: Reader) -> Any:
        """Metrics, or another part of a carry, on the host."""
        return reader(tree)

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

    def close(self) -> None:
        """Give back what it holds beside its feed."""

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
        return self._call("evaluate", jitted, carry.seed, carry.state, batch, step, index)

    def memory(self) -> dict[str, int]:
        """Bytes that the compiled loop needs on the device; empty before it is compiled."""
        if "advance" not in self._compiled:
            return {}
        analysis = self._compiled["advance"].memory_analysis()
        names = ("argument_size_in_bytes", "output_size_in_bytes", "temp_size_in_bytes")
        return {name: int(getattr(analysis, name)) for name in names}
