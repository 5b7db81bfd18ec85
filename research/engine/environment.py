"""What must be settled before JAX starts: its threads, instructions, settings; and quiet logs."""

from __future__ import annotations

import contextlib
import os
import platform
import sys
from collections.abc import Iterator
from pathlib import Path

from research.engine.processor import vector_extensions
from research.engine.settings import settle_settings
from research.errors import Mistake

POOL_SIZE = 8
"""Threads of XLA's CPU pool. Bits follow the pool's size, so it is a constant of Encore, the same
on a laptop and on a large machine; at least the number of CPU devices that one process uses."""

INSTRUCTION_SET = "AVX2"
"""The newest instructions that XLA compiles for on x86-64: what nearly all of today's CPUs have."""
PORTABLE_FLAGS = {
    # Also fixes the CPU model that LLVM tunes for, where there is something to leave out.
    "--xla_cpu_max_isa": INSTRUCTION_SET,
    # 1 / sqrt(x) as a division: the instruction that approximates it differs between vendors. And
    # YNNPACK's kernels of all widths add up in one order.
    "--xla_cpu_enable_platform_dependent_math": "false",
}
"""XLA_FLAGS with which programs give the same bits on x86-64 CPUs of all kinds."""
ONEDNN = "ONEDNN_MAX_CPU_ISA"
"""Convolutions, and products that YNNPACK leaves, are oneDNN's inside Eigen's: it chooses its
instructions by itself."""

_QUIET = {
    # XLA's C++ log: errors only.
    "TF_CPP_MIN_LOG_LEVEL": "2",
    "GRPC_VERBOSITY": "ERROR",
}


def backend_started() -> bool:
    """Whether JAX has started a backend in this process, after which the pool stands."""
    bridge = sys.modules.get("jax._src.xla_bridge")
    return bridge is not None and bridge.backends_are_initialized()


def settle_environment() -> str | None:
    """Settle all that bits follow and that must stand before JAX starts; quiet its log.

    Another value in the environment is replaced and not honoured: machines and build scripts
    export such variables for purposes of their own, and a result must not depend on that. What is
    in effect is in the run's fingerprint all the same. Call this before numpy is imported.

    Returns:
        What a person has to know of it, in sentences, or None.
    """
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    _share_cores_politely()
    notes = [fix_pool(), *fix_instructions(), *settle_settings()]
    return "; ".join(note for note in notes if note) or None


def fix_pool() -> str | None:
    """Fix the size of XLA's CPU pool through the environment variable NPROC.

    Returns:
        A sentence for the person where something could not be as it should, else None.
    """
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


def fix_instructions() -> Iterator[str]:
    """Have x86-64 CPUs of all kinds compute the same: XLA's instructions, oneDNN's, BLAS's kernel.

    What the user has set stays, also where it says otherwise: that is how another instruction set
    is tried out, and the fingerprint has it.

    Yields:
        A sentence for each thing that is not as on other people's CPUs.
    """
    if platform.machine().lower() not in ("x86_64", "amd64"):
        return
    given = os.environ.get("XLA_FLAGS", "")
    if given and not given.lstrip().startswith("-"):
        # XLA takes what is no flag for the name of a file with flags.
        with contextlib.suppress(OSError):
            given = Path(given).read_text()
    named = dict(flag.partition("=")[::2] for flag in given.split())
    missing = [f"{name}={value}" for name, value in PORTABLE_FLAGS.items() if name not in named]
    if missing and backend_started():
        yield (
            f"JAX started before its instruction set was fixed (XLA_FLAGS has no {missing[0]}): "
            "the bits can differ from those of `launch.py`"
        )
        return
    os.environ["XLA_FLAGS"] = " ".join([*given.split(), *missing])
    for name, value in PORTABLE_FLAGS.items():
        if named.get(name, value) != value:
            yield (
                f"XLA_FLAGS has {name}={named[name]}, Encore sets {value}: the bits can differ "
                "from those of other people"
            )
    kernels = os.environ.setdefault(ONEDNN, INSTRUCTION_SET)
    if kernels != INSTRUCTION_SET:
        yield (
            f"{ONEDNN} is {kernels}, Encore sets {INSTRUCTION_SET}: the bits can differ from those "
            "of other people"
        )
    vectors = vector_extensions()
    if {"avx2", "fma"} <= set(vectors):
        os.environ.setdefault("OPENBLAS_CORETYPE", "Haswell")
    elif vectors:
        yield (
            f"this CPU has no {INSTRUCTION_SET}, for which programs are compiled elsewhere: the "
            "bits can differ from those of other people"
        )


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


def available_memory() -> int:
    """Bytes of memory that this machine can give now, or 0 where it does not say."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return 0
    found = (line.split() for line in lines if line.startswith("MemAvailable:"))
    return next((1024 * int(words[1]) for words in found), 0)
