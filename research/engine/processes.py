"""Several processes, on one host or many, as one machine: the first leads, the others follow.

Only the first process reads clocks and signals, decides when to stop, evaluates, and writes. What
the compiled steps need of the others is sent to them message by message through JAX's coordination
service, so that no decision of a host's own can part them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from research.engine.digests import Leaves
from research.engine.environment import POOL_SIZE, share_devices
from research.engine.experiment import Experiment, Feed, Window
from research.engine.leaves import host_types
from research.engine.program import Carry, Program
from research.errors import Mistake

AUTO = "auto"
"""A coordinator that the surroundings name: SLURM, Kubernetes, TPU pods, Open MPI."""
_HEARTBEAT_SECONDS = 10
"""A process that is not heard of for so long has died, and the others end."""
_START_SECONDS = 300
_KEPT = 64
"""Messages that stay to be read; the steps themselves keep processes closer than that."""


class Joining(NamedTuple):
    """How a process finds the others.

    Attributes:
        coordinator: `HOST:PORT` of the first process, or `AUTO`.
        process: which one this is, from 0; None where `AUTO` knows.
        processes: how many there are; None where `AUTO` knows.
    """

    coordinator: str
    process: int | None = None
    processes: int | None = None


class Channel:
    """Messages from the first process to all others, in order.

    `devices` are those of all processes, each with as many.
    """

    def __init__(self, client: Any, index: int, count: int, devices: Sequence[Any]) -> None:
        self._client = client
        self._number = 0
        self._agreed = 0
        self.index = index
        self.count = count
        self.devices = devices

    @property
    def leads(self) -> bool:
        """Whether this is the first process."""
        return self.index == 0

    def send(self, do: str, **arguments: Any) -> None:
        """Tell the others what to do next."""
        self._client.key_value_set(_key(self._number), json.dumps({"do": do, **arguments}))
        self._number += 1
        if self._number > _KEPT:
            self._client.key_value_delete(_key(self._number - 1 - _KEPT))

    def receive(self) -> dict[str, Any]:
        """What to do next; waits for it. Should the first process die, JAX ends this one."""
        message = self._read(_key(self._number))
        self._number += 1
        return message

    def agree(self, name: str, own: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        """In the first process what each one has under a name; in the others nothing."""
        # A process can have several runs one after the other, and a key is set only once.
        place = f"encore/{name}/{self._agreed}"
        self._agreed += 1
        self._client.key_value_set(f"{place}/{self.index}", json.dumps(own))
        if not self.leads:
            return []
        return [self._read(f"{place}/{index}") for index in range(self.count)]

    def _read(self, key: str) -> Any:
        while True:
            try:
                return json.loads(self._client.blocking_key_value_get(key, 10_000))
            except Exception as error:
                # JAX has no error of its own for a time that has run out.
                if "DEADLINE_EXCEEDED" not in str(error):
                    raise


def _key(number: int) -> str:
    return f"encore/message/{number}"


def join(joining: Joining, devices: int | None) -> Channel:
    """Join the other processes. Call this before JAX's first computation.

    `devices` is of all processes together; None for all, on CPU one each.

    Raises:
        Mistake: they were not found, or the devices do not divide among them.
    """
    import jax

    # JAX has no public door to the messages of its coordination service.
    from jax._src import distributed

    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    arguments: dict[str, Any] = {}
    if joining.coordinator != AUTO:
        arguments = {
            "coordinator_address": joining.coordinator,
            "process_id": joining.process,
            "num_processes": joining.processes,
        }
    try:
        jax.distributed.initialize(
            **arguments,
            initialization_timeout=_START_SECONDS,
            heartbeat_timeout_seconds=_HEARTBEAT_SECONDS,
            shutdown_timeout_seconds=2 * _HEARTBEAT_SECONDS,
        )
    except (ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise Mistake(
            f"--coordinator {joining.coordinator}: the processes did not find one another: {reason}"
        ) from None
    state = distributed.global_state
    count = int(state.num_processes or 1)
    if devices is not None and devices % count:
        raise Mistake(f"--devices {devices}: {count} processes cannot have equal shares")
    here = None if devices is None else devices // count
    share_devices(min(here or 1, POOL_SIZE))
    found = jax.local_device_count()
    if here is not None and found < here:
        raise Mistake(
            f"--devices {devices}: process {state.process_id} has {found}, and its share is {here}"
        )
    used = [
        device
        for process in range(count)
        for device in [d for d in jax.devices() if d.process_index == process][:here]
    ]
    return Channel(state.client, int(state.process_id), count, used)


class Leader(Program):
    """The program of the first process: it sends the others what they have to do with it."""

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
    """Do what the first process sends, until it ends.

    Returns:
        Whether the run is complete.

    The program is the same as the leader's, on the same devices, with a feed of this process.
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
                raise RuntimeError(f"the first process sent {other}: it runs other code")


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
