"""Several processes, on one host or many, as one machine; the first tells the others what to do.

Only the first process reads clocks and signals, decides when to stop, evaluates, and writes. What
the compiled steps need of the others is told them message by message through JAX's coordination
service, so that no decision of a host's own can part them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from research.engine.environment import POOL_SIZE, share_devices
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

    Attributes:
        index: which process this is.
        count: how many there are.
        devices: those of all processes, each with as many.
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

    Args:
        joining: how they find one another.
        devices: of all processes together; None for all that there are, on CPU one each.

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
        told = str(error).splitlines()[0]
        raise Mistake(
            f"--coordinator {joining.coordinator}: the processes did not find one another: {told}"
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
