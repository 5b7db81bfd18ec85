"""What must be settled before JAX starts: the size of its CPU thread pool, and quiet logs."""

from __future__ import annotations

import os
import sys

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


def quiet_libraries() -> None:
    """Silence the log of Orbax and tfds, which use absl: their errors reach us as exceptions."""
    from absl import logging

    logging.set_verbosity(logging.FATAL)
