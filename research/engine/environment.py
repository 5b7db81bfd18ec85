"""What must be settled before JAX starts: the size of its CPU thread pool, and quiet logs."""

from __future__ import annotations

import contextlib
import os
import sys

from research.errors import Mistake

POOL_SIZE = 8
"""Threads of XLA's CPU pool. Bits follow the pool's size, so it is a constant of Encore, the same
on a laptop and on a large machine; at least the number of CPU devices that one process uses."""

_QUIET = {
    # XLA's C++ log: errors only.
    "TF_CPP_MIN_LOG_LEVEL": "2",
    "GRPC_VERBOSITY": "ERROR",
}


def backend_started() -> bool:
    """Whether JAX has started a backend in this process, after which the pool stands."""
    bridge = sys.modules.get("jax._src.xla_bridge")
    return bridge is not None and bridge.backends_are_initialized()


def fix_pool() -> str | None:
    """Fix the size of XLA's CPU pool through the environment variable NPROC, and quiet its log.

    Another value of NPROC is replaced and not honoured: machines and build scripts export it for
    purposes of their own, and a result must not depend on that. The size in effect is part of the
    run's fingerprint all the same. Call this before JAX's first computation.

    Returns:
        A sentence for the person where something could not be as it should, else None.
    """
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    _share_cores_politely()
    found = os.environ.get("NPROC")
    if found == str(POOL_SIZE):
        return None
    if backend_started():
        return (
            f"JAX started before the CPU pool's size was fixed (NPROC is {found or 'not set'}, "
            f"Encore uses {POOL_SIZE}): the bits can differ from those of `launch.py`"
        )
    os.environ["NPROC"] = str(POOL_SIZE)
    if found is None:
        return None
    return f"NPROC={found} was replaced by {POOL_SIZE}: bits follow the CPU pool's size"


def _share_cores_politely() -> None:
    """Let no thread of the pool that wakes up interrupt one that computes.

    With more threads than cores, each operation wakes threads that then take a core from the one
    that woke them: up to a fifth of the time of programs of many small operations. Under Linux's
    batch policy the woken one waits for its turn. Threads started later inherit the policy; it
    needs no privilege, changes no bit, and a policy that somebody else has chosen stays.
    """
    batch = getattr(os, "SCHED_BATCH", None)
    if batch is None or os.sched_getscheduler(0) != os.SCHED_OTHER:
        return
    with contextlib.suppress(OSError):  # a sandbox may forbid it: then it is only slower
        os.sched_setscheduler(0, batch, os.sched_param(0))


def quiet_libraries() -> None:
    """Silence the log of Orbax and tfds, which use absl: their errors reach us as exceptions."""
    from absl import logging

    logging.set_verbosity(logging.FATAL)


def fix_devices(devices: int) -> None:
    """Have at least so many devices: on CPU they are virtual, and cores are shared among them.

    Call this before JAX's first computation; where it was called before, nothing changes.

    Raises:
        Mistake: there are fewer, and no more can be made.
    """
    if devices == 1:
        return
    import jax

    share_devices(min(devices, POOL_SIZE))
    found = jax.device_count()
    if devices > found:
        on_cpu = jax.default_backend() == "cpu"
        why = f"; on CPU at most {POOL_SIZE}, the size of its pool of threads" if on_cpu else ""
        raise Mistake(
            f"--devices {devices}: this process has {found} {jax.default_backend()} "
            f"device{'s' if found > 1 else ''}{why}"
        )


def share_devices(cpu_devices: int) -> None:
    """Settle how a program is spread over devices, and how many virtual ones a CPU is."""
    import jax

    # GSPMD: Shardy's way through MLIR merges equal constants before anything is simplified, which
    # the program for one device does not undergo; its bits can then be others.
    jax.config.update("jax_use_shardy_partitioner", False)
    if not backend_started():
        jax.config.update("jax_num_cpu_devices", cpu_devices)
