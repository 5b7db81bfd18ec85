"""A population: many seeds, and values of hyper-parameters, trained by one program.

Members go through the device in blocks of one width: the members of a block together (`vmap`),
block after block, the blocks spread over the devices. The bits of a member depend on the width and
on nothing else: not on how many members there are, nor on its place among them, nor on the number
of devices. At width 1 they are those of a run of its own.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.sharding import NamedSharding

from research.engine import mesh, metrics
from research.engine.digests import Leaves
from research.engine.experiment import Experiment, Feed, Inputs, Window, bind
from research.engine.groups import traced_once
from research.engine.leaves import Reader, name_leaves, rebuild
from research.engine.mesh import EACH, EVERYWHERE
from research.engine.metrics import Metrics
from research.engine.program import Carry, Program, make_advance, make_evaluate
from research.engine.waiting import Waiting


class Layout(NamedTuple):
    """How members lie in blocks and on devices.

    A device has a number of slots for members; those that the last block or the last devices have
    too many hold copies of the last member. They make every block and every device alike, are
    trained only where a block needs them to be full, and are never read.
    """

    members: int
    width: int
    devices: int

    @property
    def blocks(self) -> int:
        """Blocks that are trained, the last one perhaps not full of members."""
        return -(-self.members // self.width)

    @property
    def blocks_per_device(self) -> int:
        """Blocks that a device has room for."""
        return -(-self.blocks // self.devices)

    @property
    def slots(self) -> int:
        """Members that all devices have room for."""
        return self.devices * self.blocks_per_device * self.width

    def counts(self) -> np.ndarray:
        """The blocks that each device trains: int32 `[devices]`."""
        first = np.arange(self.devices) * self.blocks_per_device
        return np.clip(self.blocks - first, 0, self.blocks_per_device).astype(np.int32)

    def padded(self, array: np.ndarray) -> np.ndarray:
        """One entry a slot from one entry a member: `[slots, ...]` from `[members, ...]`."""
        extra = self.slots - self.members
        return np.concatenate([array, np.repeat(array[-1:], extra, axis=0)]) if extra else array


class Seeded(NamedTuple):
    """A member: its seed, counted from that of the run, and its hyper-parameters."""

    offset: int
    hyperparameters: Mapping[str, float]


class Population(Program):
    """The members of a population as one program, with the interface of a run of one seed.

    Its carry has the members of all devices along the first axis of every leaf; what it reads and
    what it takes from a checkpoint has one entry for each member there.

    Blocks of members are spread over the devices first, in order, then the groups of each member;
    None is the first device.
    """

    def __init__(
        self,
        experiment: Experiment,
        feed: Feed,
        members: Sequence[Seeded],
        width: int,
        devices: Sequence[jax.Device] | None = None,
    ) -> None:
        self.seeded = tuple(members)
        self._width = width
        super().__init__(experiment, feed, devices)
        self.layout = Layout(len(members), width, self._mesh.shape[mesh.MEMBERS])
        self._counts = mesh.lay(self.layout.counts(), self._mesh, EACH)
        self._feeds: list[Feed] = []
        self.shapes = jax.tree.map(
            lambda leaf: jax.ShapeDtypeStruct((self.layout.members, *leaf.shape), leaf.dtype),
            self.member_shapes,
        )

    @property
    def _blocks(self) -> int:
        return -(-len(self.seeded) // self._width)

    @property
    def members(self) -> int:
        """As `Program.members`."""
        return self.layout.members

    @property
    def items_per_step(self) -> int:
        """As `Program.items_per_step`."""
        return self.layout.members * self.experiment.items_per_step

    def initial(
        self,
        seed: int,
        hyperparameters: Mapping[str, float] | None = None,
        made: Callable[[int], None] | None = None,
    ) -> Carry:
        """The carries of all members, made one by one by the program of a run of its own.

        That is what a member's own run starts from, at any width; and initialisers with a
        factorisation (orthogonal ones) can wait for one another for ever in a batch on few cores.

        `made` is called after each member with their number so far; members have hyper-parameters
        of their own.
        """
        del hyperparameters
        reader = Reader()
        carries = []
        for offset, values in self.seeded:
            carries.append(reader(name_leaves(self._initial_of(seed + offset, values))))
            if made is not None:
                made(len(carries))
        return self.place({name: np.stack([one[name] for one in carries]) for name in carries[0]})

    def windows(self, seed: int, start: int, stop: int) -> Iterator[Window]:
        """Windows of all members, stacked where they differ from seed to seed."""
        if not self.feed.per_seed:
            yield from super().windows(seed, start, stop)
            return
        offsets = sorted({member.offset for member in self.seeded})
        while len(self._feeds) < len(offsets):
            self._feeds.append(self.feed.fork() if self._feeds else self.feed)
        streams = [
            feed.windows(seed + offset, start, stop)
            for offset, feed in zip(offsets, self._feeds, strict=True)
        ]
        for windows in zip(*streams, strict=True):
            arrays_of = {o: window.arrays for o, window in zip(offsets, windows, strict=True)}
            members = [arrays_of[member.offset] for member in self.seeded]
            stacked = jax.tree.map(
                lambda *leaves: self.layout.padded(np.stack([np.asarray(leaf) for leaf in leaves])),
                *members,
            )
            arrays = mesh.lay(stacked, self._mesh, EACH)
            yield Window(arrays, windows[0].start, windows[0].stop)

    def waiting(self) -> Waiting | None:
        """As `Program.waiting`, of the feeds of all members."""
        found = [waiting for feed in self._feeds or [self.feed] if (waiting := feed.waiting())]
        return functools.reduce(Waiting.joined, found) if found else None

    def advance(
        self, carry: Carry, arrays: Any, start: int, stop: int, *, fresh: bool, halt: bool
    ) -> Carry:
        """As `Program.advance`; with `halt` a block ends after a metric of it is not finite."""
        each = self.feed.per_seed

        def advance(
            inputs: Inputs,
            carry: Carry,
            arrays: Any,
            count: jax.Array,
            bounds: tuple[jax.Array, ...],
        ) -> Carry:
            experiment = bind(self._unbound, inputs)
            one = make_advance(experiment, self.feed, self._vmapped, each)

            def block(index: jax.Array, carry: Carry) -> Carry:
                rows = self._block(arrays, index) if each else arrays
                return self._put(carry, index, one(self._block(carry, index), rows, *bounds))

            return jax.lax.fori_loop(0, count[0], block, carry)

        jitted = jax.jit(
            mesh.over(
                self._mesh,
                advance,
                (EVERYWHERE, EACH, EACH if each else EVERYWHERE, EACH, EVERYWHERE),
                EACH,
            ),
            donate_argnums=1,
            # A leaf without elements would come back on no device in particular.
            out_shardings=NamedSharding(self._mesh, EACH),
        )
        bounds = np.int32(start), np.int32(stop), np.bool_(fresh), np.bool_(halt)
        return self._call("advance", jitted, self._laid_inputs, carry, arrays, self._counts, bounds)

    def _evaluate(self, carry: Carry, batch: Any, step: np.int32, index: np.int32) -> Metrics:
        def evaluate(
            inputs: Inputs,
            seed: jax.Array,
            state: Any,
            batch: Any,
            count: jax.Array,
            at: tuple[jax.Array, ...],
        ) -> Metrics:
            one = make_evaluate(bind(self._unbound, inputs))
            all_members = jax.vmap(one, (0, 0, None, None, None)) if self._vmapped else one

            def of_block(index: jax.Array) -> Metrics:
                part = self._block((seed, state), index)
                return all_members(*part, batch, *at)

            slots = seed.shape[0]
            of_block = traced_once(of_block)
            shapes = jax.eval_shape(of_block, 0)
            inner = 0 if self._vmapped is None else 1
            room = metrics.empty_like(
                jax.tree.map(
                    lambda leaf: jax.ShapeDtypeStruct((slots, *leaf.shape[inner:]), leaf.dtype),
                    shapes,
                )
            )
            return jax.lax.fori_loop(
                0, count[0], lambda index, done: self._put(done, index, of_block(index)), room
            )

        jitted = jax.jit(
            mesh.over(
                self._mesh,
                evaluate,
                (EVERYWHERE, EACH, EACH, EVERYWHERE, EACH, EVERYWHERE),
                EACH,
            )
        )
        batch = mesh.lay(batch, self._mesh, EVERYWHERE)
        return self._call(
            "evaluate",
            jitted,
            self._laid_inputs,
            carry.seed,
            carry.state,
            batch,
            self._counts,
            (step, index),
        )

    def _first(self, tree: Any) -> Any:
        return jax.tree.map(lambda leaf: leaf[0], tree)

    def read(self, tree: Any, reader: Reader) -> Any:
        """As `Program.read`, each leaf `[members, ...]`."""
        return jax.tree.map(lambda leaf: leaf[: self.layout.members], super().read(tree, reader))

    def place(self, leaves: Mapping[str, np.ndarray]) -> Carry:
        """As `Program.place`, onto all devices."""
        padded = {name: self.layout.padded(leaf) for name, leaf in leaves.items()}
        return mesh.lay(rebuild(self.shapes, padded), self._mesh, EACH)

    def close(self, *, complete: bool) -> None:
        """Stop the workers of the feeds that it made for its members."""
        for feed in self._feeds[1:]:
            feed.close()

    def each(self, tree: Any) -> list[Any]:
        """As `Program.each`."""
        return [jax.tree.map(lambda leaf, k=k: leaf[k], tree) for k in range(self.layout.members)]

    def chosen(self, leaves: Mapping[int, Leaves], steps: Sequence[int]) -> Leaves:
        """As `Program.chosen`."""
        return {
            name: np.stack([leaves[step][name][k] for k, step in enumerate(steps)])
            for name in leaves[steps[0]]
        }

    @property
    def _vmapped(self) -> int | None:
        return self.layout.width if self.layout.width > 1 else None

    def _block(self, tree: Any, index: jax.Array) -> Any:
        """One block of what lies on a device: leaves `[width, ...]`, or `[...]` at width 1."""
        width = self.layout.width

        def part(leaf: jax.Array) -> jax.Array:
            if width == 1:
                return jax.lax.dynamic_index_in_dim(leaf, index, keepdims=False)
            return jax.lax.dynamic_slice_in_dim(leaf, index * width, width)

        return jax.tree.map(part, tree)

    def _put(self, tree: Any, index: jax.Array, block: Any) -> Any:
        """The tree with one block of it replaced."""
        width = self.layout.width

        def put(leaf: jax.Array, new: jax.Array) -> jax.Array:
            if width == 1:
                return jax.lax.dynamic_update_index_in_dim(leaf, new, index, 0)
            return jax.lax.dynamic_update_slice_in_dim(leaf, new, index * width, 0)

        return jax.tree.map(put, tree, block)
