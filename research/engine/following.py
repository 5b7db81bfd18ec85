"""One run in several processes: the first leads, the others compute what it computes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from research.engine.advance import Carry
from research.engine.digests import Leaves
from research.engine.experiment import Experiment, Feed, Window
from research.engine.leaves import host_types
from research.engine.processes import Channel
from research.engine.program import Program


class Leader(Program):
    """The program of the first process: what needs the others is told them first.

    Args:
        experiment: what runs.
        feed: what feeds it here; each process has its own.
        devices: those of all processes.
        channel: to the other processes.
    """

    def __init__(
        self,
        experiment: Experiment,
        feed: Feed,
        devices: Sequence[jax.Device],
        channel: Channel,
    ) -> None:
        super().__init__(experiment, feed, devices)
        self._channel = channel

    def initial(self, seed: int, hyperparameters: Mapping[str, float] | None = None) -> Carry:
        """As `Program.initial`."""
        self._channel.send("initial", seed=seed)
        return super().initial(seed, hyperparameters)

    def windows(self, seed: int, start: int, stop: int) -> Iterator[Window]:
        """As `Program.windows`."""
        self._channel.send("windows", seed=seed, start=start, stop=stop)
        yield from super().windows(seed, start, stop)

    def advance(
        self, carry: Carry, arrays: Any, start: int, stop: int, *, fresh: bool, halt: bool
    ) -> Carry:
        """As `Program.advance`."""
        self._channel.send(
            "advance", start=int(start), stop=int(stop), fresh=bool(fresh), halt=bool(halt)
        )
        return super().advance(carry, arrays, start, stop, fresh=fresh, halt=halt)

    def place(self, leaves: Mapping[str, np.ndarray]) -> Carry:
        """As `Program.place`."""
        self._channel.send("place")
        return super().place(from_first(leaves))

    def close(self, *, complete: bool) -> None:
        """Let the others go, and know whether the run is complete."""
        self._channel.send("end", complete=complete)


def follow(program: Program, channel: Channel) -> bool:
    """Do what the first process says, until it says that it is done.

    Returns:
        Whether the run is complete.

    Args:
        program: the same as the leader's, on the same devices, with a feed of this process's own.
        channel: to the first process.
    """
    carry: Any = None
    windows: Iterator[Window] = iter(())
    window: Window | None = None
    while True:
        match channel.receive():
            case {"do": "initial", "seed": seed}:
                carry = program.initial(seed)
            case {"do": "place"}:
                carry = program.place(from_first(_nothing_like(program)))
            case {"do": "windows", "seed": seed, "start": start, "stop": stop}:
                windows, window = iter(program.windows(seed, start, stop)), None
            case {"do": "advance", "start": start, "stop": stop, "fresh": fresh, "halt": halt}:
                while window is None or window.stop <= start:
                    window = next(windows)
                carry = program.advance(carry, window.arrays, start, stop, fresh=fresh, halt=halt)
            case {"do": "end", "complete": complete}:
                return complete
            case other:
                raise RuntimeError(f"the first process says {other}: it runs other code")


def from_first(leaves: Mapping[str, np.ndarray]) -> Leaves:
    """The leaves that the first process has, in all of them; all call this together.

    They go as bytes: as floats they would be summed with zeros, and -0.0 would become 0.0.
    """
    from jax.experimental import multihost_utils

    sent = {
        name: np.ascontiguousarray(leaf).reshape(-1).view(np.uint8)
        for name, leaf in leaves.items()
        if leaf.size
    }
    received = multihost_utils.broadcast_one_to_all(sent)
    return {
        name: np.asarray(received[name]).view(leaf.dtype).reshape(leaf.shape)
        if leaf.size
        else np.asarray(leaf)
        for name, leaf in leaves.items()
    }


def _nothing_like(program: Program) -> Leaves:
    return {name: np.zeros(shape, dtype) for name, (dtype, shape) in host_types(program.shapes)}
