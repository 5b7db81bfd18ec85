"""The fingerprint of an environment: whatever can change the bits of a run and is not its own."""

from __future__ import annotations

import enum
import hashlib
import importlib.metadata
import os
import platform
import re
import sys
from collections.abc import Mapping
from pathlib import Path

_PACKAGES = ("jax", "jaxlib", "numpy", "flax", "optax", "gymnax")
_SETTINGS = (
    "jax_enable_x64",
    "jax_default_matmul_precision",
    "jax_default_prng_impl",
    "jax_threefry_partitionable",
    "jax_random_seed_offset",
    "jax_numpy_dtype_promotion",
    "jax_disable_jit",
    "jax_disable_most_optimizations",
    "jax_optimization_level",
    "jax_use_direct_linearize",
)
_VARIABLES = ("LIBTPU_INIT_ARGS", "NVIDIA_TF32_OVERRIDE", "CUBLAS_WORKSPACE_CONFIG")
# The number of devices has its own entry; dumps write files and change nothing.
_HARMLESS_FLAG = re.compile(r"--?xla_(force_host_platform_device_count|dump_\w+)(=|$)")
_VECTOR_FLAG = re.compile(
    r"(sse|ssse|avx|fma|f16c|bmi|amx|asimd|sve|sme|fphp|bf16|i8mm|vaes|vpclmul|gfni|sha_ni)\w*"
)
POOL = "pool_size"
"""The entry that a run may not be continued under another value of."""
SLICING = frozenset({"device_count"})
_LABELS = {
    "platform": "the platform",
    "platform_version": "the platform's version",
    "device_kind": "the device",
    "device_count": "the number of devices",
    "machine": "the machine's architecture",
    "cpu": "the CPU",
    "instruction_set": "the CPU's instruction set",
    "level_1_cache": "the CPU's level-1 cache, after which products are cut into blocks",
    POOL: "the size of the CPU pool (NPROC)",
    "python": "Python",
    "xla_flags": "XLA_FLAGS",
}


class Grade(enum.Enum):
    """What may be promised between two environments."""

    SAME = "same fingerprint: the same bits"
    SLICING = "same platform, other slicing: the same bits"
    ELSEWHERE = "another environment: the same within a tolerance"


def fingerprint() -> dict[str, str]:
    """Name -> value of all that can change bits in this process. Starts JAX's backend."""
    import jax

    device = jax.devices()[0]
    on_cpu = device.platform == "cpu"
    facts = {
        "platform": device.platform,
        "platform_version": "cpu" if on_cpu else " ".join(device.client.platform_version.split()),
        "device_kind": device.device_kind,
        "device_count": str(jax.device_count()),
        "machine": platform.machine(),
        "python": f"{sys.version_info.major}.{sys.version_info.minor}",
        "xla_flags": flags(os.environ.get("XLA_FLAGS", "")),
        POOL: str(pool_size(jax.local_device_count())) if on_cpu else "not used",
    }
    facts |= cpu() if on_cpu else {name: os.environ.get(name, "not set") for name in _VARIABLES}
    facts |= {package: version(package) for package in _PACKAGES}
    facts |= {name: str(jax.config.values.get(name, "not known")) for name in _SETTINGS}
    return dict(sorted(facts.items()))


def difference(old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    """One sentence for each entry that differs; empty where the fingerprints are the same."""

    def sentence(name: str) -> str:
        before, now = old.get(name), new.get(name)
        label = _LABELS.get(name, name)
        if before is None:
            return f"{label} is {now} now and was not recorded then"
        if now is None:
            return f"{label} was {before} and is not recorded now"
        return f"{label} was {before or 'empty'} and is {now or 'empty'} now"

    return [sentence(name) for name in sorted(old.keys() | new.keys()) if _differs(name, old, new)]


def grade(old: Mapping[str, str], new: Mapping[str, str]) -> Grade:
    """Which of the three promises holds between two fingerprints."""
    names = {name for name in old.keys() | new.keys() if _differs(name, old, new)}
    if not names:
        return Grade.SAME
    return Grade.SLICING if names <= SLICING else Grade.ELSEWHERE


def _differs(name: str, old: Mapping[str, str], new: Mapping[str, str]) -> bool:
    return old.get(name) != new.get(name)


def version(package: str) -> str:
    """The installed version of a distribution, read without importing it."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def flags(text: str) -> str:
    """XLA_FLAGS without those that cannot change the bits, sorted as far as order is free.

    A flag given twice keeps the last value, as XLA does.
    """
    kept = {flag.split("=")[0]: flag for flag in text.split() if not _HARMLESS_FLAG.match(flag)}
    return " ".join(kept[name] for name in sorted(kept))


def pool_size(devices: int) -> int:
    """Threads of XLA's CPU pool: NPROC or the usable cores, at least one a device."""
    try:
        wanted = int(os.environ.get("NPROC", ""))
    except ValueError:
        wanted = usable_cores()
    return max(wanted, devices)


def usable_cores() -> int:
    """Cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def cpu(cpuinfo: Path = Path("/proc/cpuinfo")) -> dict[str, str]:
    """What the compiler and the matrix products make of the CPU.

    LLVM chooses instructions after vendor, family and model and the vector extensions; Eigen cuts
    long products into blocks after the size of the level-1 cache, which orders the additions.
    """
    fields = _first_processor(cpuinfo)
    if not fields:
        name = platform.processor() or "not known"
        return {"cpu": name, "instruction_set": name, "level_1_cache": "not known"}
    words = fields.get("flags", fields.get("Features", "")).split()
    vector = sorted(word for word in words if _VECTOR_FLAG.fullmatch(word))
    names = {"vendor_id": "", "cpu family": "family ", "model": "model "}
    names |= {"CPU implementer": "implementer ", "CPU part": "part "}
    return {
        "cpu": " ".join(label + fields[name] for name, label in names.items() if name in fields),
        "instruction_set": f"{_widest(vector)} ({_short_digest(vector)})",
        "level_1_cache": _level_1_cache(),
    }


def _first_processor(cpuinfo: Path) -> dict[str, str]:
    try:
        text = cpuinfo.read_text()
    except OSError:
        return {}
    pairs = (line.partition(":") for line in text.split("\n\n")[0].splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}


def _widest(vector: list[str]) -> str:
    names = ("amx_tile", "avx512f", "avx2", "avx", "sse4_2", "sve2", "sve", "asimd")
    return next((name for name in names if name in vector), "no vector extension known")


def _short_digest(words: list[str]) -> str:
    return hashlib.sha256(" ".join(words).encode()).hexdigest()[:8]


def _level_1_cache() -> str:
    try:
        return Path("/sys/devices/system/cpu/cpu0/cache/index0/size").read_text().strip()
    except OSError:
        return "not known"
