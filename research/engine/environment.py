"""The environment that must be set before JAX starts: threads, instructions, settings, logs."""

from __future__ import annotations

import ast
import contextlib
import os
import platform
import re
import sys
from collections.abc import Iterator, MutableMapping
from pathlib import Path
from typing import Any, NamedTuple

from research.errors import Mistake

_CPUINFO = Path("/proc/cpuinfo")
_VECTOR_FLAG = re.compile(
    r"(sse|ssse|avx|fma|f16c|bmi|amx|asimd|sve|sme|fphp|bf16|i8mm|vaes|vpclmul|gfni|sha_ni)\w*"
)
_WIDEST = ("amx_tile", "avx512f", "avx2", "avx", "sse4_2", "sve2", "sve", "asimd")


def cpu_kind(cpuinfo: Path = _CPUINFO) -> str:
    """Vendor, family and model, after which LLVM tunes programs."""
    fields = _first_processor(cpuinfo)
    names = {"vendor_id": "", "cpu family": "family ", "model": "model "}
    names |= {"CPU implementer": "implementer ", "CPU part": "part "}
    kind = " ".join(label + fields[name] for name, label in names.items() if name in fields)
    return kind or platform.processor() or "not known"


def vector_extensions(cpuinfo: Path = _CPUINFO) -> list[str]:
    """Names of the extensions that calculate, sorted; none where the system does not say."""
    fields = _first_processor(cpuinfo)
    words = fields.get("flags", fields.get("Features", "")).split()
    return sorted(word for word in words if _VECTOR_FLAG.fullmatch(word))


def widest(extensions: list[str]) -> str:
    """The newest of the extensions that distinguish generations of CPUs."""
    return next((name for name in _WIDEST if name in extensions), "no vector extension known")


def level_1_cache() -> str:
    """The size of the level-1 data cache, after which Eigen cuts long products into blocks."""
    try:
        return Path("/sys/devices/system/cpu/cpu0/cache/index0/size").read_text().strip()
    except OSError:
        return "not known"


def _first_processor(cpuinfo: Path) -> dict[str, str]:
    try:
        text = cpuinfo.read_text()
    except OSError:
        return {}
    pairs = (line.partition(":") for line in text.split("\n\n")[0].splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}


class Setting(NamedTuple):
    """One of `jax.config`, set by the environment variable of its name in capitals.

    Attributes:
        value: what Encore sets, JAX's own default, as `str` spells it.
        meaning: what another value does.
    """

    value: str
    meaning: str


_COMPILED = "programs are compiled in another way"
_TRACED = "programs are traced in another way"
_GUARDED = "transfers between host and device are refused"
SETTINGS = {
    "jax_enable_x64": Setting("False", "64-bit values are on"),
    "jax_default_matmul_precision": Setting("None", "the precision of matrix products is set"),
    "jax_default_prng_impl": Setting("threefry2x32", "another random generator is set"),
    "jax_threefry_partitionable": Setting("True", "random numbers come in another order"),
    "jax_random_seed_offset": Setting("0", "all seeds are shifted"),
    "jax_high_dynamic_range_gumbel": Setting("False", "categories are drawn in another way"),
    "jax_numpy_dtype_promotion": Setting("standard", "types are promoted by other rules"),
    "jax_numpy_rank_promotion": Setting("allow", "shapes are matched by other rules"),
    "jax_legacy_prng_key": Setting("allow", "keys of the old kind are refused"),
    "jax_softmax_custom_jvp": Setting("False", "the gradient of softmax is another formula"),
    "jax_allow_f16_reductions": Setting("True", "sums of 16-bit values are taken in another type"),
    "jax_disable_jit": Setting("False", "nothing is compiled"),
    "jax_disable_most_optimizations": Setting("False", _COMPILED),
    "jax_optimization_level": Setting("UNKNOWN", _COMPILED),
    "jax_memory_fitting_level": Setting("O2", _COMPILED),
    "jax_exec_time_optimization_effort": Setting("0.0", _COMPILED),
    "jax_memory_fitting_effort": Setting("0.0", _COMPILED),
    "jax_compiler_enable_remat_pass": Setting("True", _COMPILED),
    "jax_use_direct_linearize": Setting("True", _TRACED),
    "jax_use_simplified_jaxpr_constants": Setting("False", _TRACED),
    "jax_custom_vjp3": Setting("False", _TRACED),
    "jax_remat3": Setting("False", _TRACED),
    "jax_scan3": Setting("False", _TRACED),
    "eager_constant_folding": Setting("False", _TRACED),
    "jax_transfer_guard": Setting("None", _GUARDED),
    "jax_transfer_guard_host_to_device": Setting("None", _GUARDED),
    "jax_transfer_guard_device_to_device": Setting("None", _GUARDED),
    "jax_transfer_guard_device_to_host": Setting("None", _GUARDED),
}
"""Name -> what it is set to, whatever the environment says; all are in a run's fingerprint."""

_WORDS = {
    **dict.fromkeys(("y", "yes", "t", "true", "on", "1"), "True"),
    **dict.fromkeys(("n", "no", "f", "false", "off", "0"), "False"),
}


def settle_settings(environment: MutableMapping[str, str] = os.environ) -> Iterator[str]:
    """Set each of `SETTINGS`, in the environment or in JAX where it is imported.

    Yields:
        A sentence for each that was another.
    """
    imported = sys.modules.get("jax")
    for name, setting in SETTINGS.items():
        variable = name.upper()
        found = environment.pop(variable, "")
        if imported is None:
            other = f"{variable}={found}" if found and not _means(found, setting.value) else ""
        else:
            other = _set(imported.config, name, setting.value)
        if other:
            yield f"{other} was replaced by {setting.value}: with it {setting.meaning}"


def _means(text: str, value: str) -> bool:
    """Whether JAX reads a variable's text as that value."""
    return text == value or (value in _WORDS.values() and _WORDS.get(text.lower()) == value)


def _set(config: Any, name: str, value: str) -> str:
    """Set a value in JAX's configuration; what it was where it was another, else nothing."""
    found = config.values.get(name)
    if name not in config.values or str(found) == value:
        return ""
    try:
        config.update(name, ast.literal_eval(value))
    except ValueError:  # a word
        config.update(name, value)
    return f"{name}={found}"


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
    """Set all that bits follow and that must stand before JAX starts; quiet its log.

    Another value in the environment is replaced and not honoured: machines and build scripts
    export such variables for purposes of their own, and a result must not depend on that. What is
    in effect is in the run's fingerprint all the same. Call this before numpy is imported.

    Returns:
        Sentences for the user, or None.
    """
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    _share_cores_politely()
    notes = [fix_pool(), *fix_instructions(), *settle_settings()]
    return "; ".join(note for note in notes if note) or None


def fix_pool() -> str | None:
    """Fix the size of XLA's CPU pool through the environment variable NPROC.

    Returns:
        A sentence for the user where something is not as it should be, else None.
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
