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

from research.engine import environment
from research.engine.environment import ONEDNN, SETTINGS

_PACKAGES = ("jax", "jaxlib", "numpy", "flax", "optax", "gymnax", "mctx", "evosax")
"""What runs inside steps, or makes what they run on."""
_VARIABLES = ("LIBTPU_INIT_ARGS", "NVIDIA_TF32_OVERRIDE", "CUBLAS_WORKSPACE_CONFIG")
# The number of devices has its own entry; dumps write files and change nothing.
_HARMLESS_FLAG = re.compile(r"--?xla_(force_host_platform_device_count|dump_\w+)(=|$)")
_CPU_FLAG = re.compile(r"--?xla_cpu_")
POOL = "pool_size"
"""The entry that a run may not be continued under another value of."""
SLICING = frozenset({"device_count"})
"""Entries that change no bit."""
_LABELS = {
    "platform": "the platform",
    "platform_version": "the platform's version",
    "device_kind": "the device",
    "device_count": "the number of devices",
    "machine": "the machine's architecture",
    "cpu": "the CPU",
    "instruction_set": "the instruction set",
    "onednn": "the instruction set of oneDNN (ONEDNN_MAX_CPU_ISA)",
    "blas": "the host's BLAS and its kernel",
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
        "xla_flags": flags(os.environ.get("XLA_FLAGS", ""), on_cpu=on_cpu),
        "blas": blas(),
        POOL: str(pool_size(jax.local_device_count())) if on_cpu else "not used",
    }
    if on_cpu:
        limit = re.search(r"--?xla_cpu_max_isa=(\S*)", facts["xla_flags"])
        found = environment.vector_extensions()
        facts["cpu"] = environment.cpu_kind()
        facts["instruction_set"] = instructions(found, limit[1] if limit else "")
        facts["onednn"] = os.environ.get(ONEDNN, "not limited")
        facts["level_1_cache"] = environment.level_1_cache()
    else:
        facts |= {name: os.environ.get(name, "not set") for name in _VARIABLES}
    facts |= {package: version(package) for package in _PACKAGES}
    facts |= {name: str(jax.config.values.get(name, "not known")) for name in SETTINGS}
    return dict(sorted(facts.items()))


def difference(old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    """One sentence for each entry that differs, and one for those that only one of them has."""
    sentences = [
        f"{label(name)} was {old[name] or 'empty'} and is {new[name] or 'empty'} now"
        for name in sorted(_different(old, new))
    ]
    for missing, when in ((new.keys() - old.keys(), "then"), (old.keys() - new.keys(), "now")):
        if missing:
            names = [label(name) for name in sorted(missing)]
            more = f" and {len(names) - 3} more" if len(names) > 3 else ""
            sentences.append(f"not recorded {when}: {', '.join(names[:3])}{more}")
    return sentences


def label(entry: str) -> str:
    """An entry in words: `the CPU`."""
    return _LABELS.get(entry, entry)


def grade(old: Mapping[str, str], new: Mapping[str, str]) -> Grade:
    """Which of the three promises holds between two fingerprints.

    By what both have: an entry that an older Encore did not know of is no sign of a difference.
    """
    names = _different(old, new)
    if not names:
        return Grade.SAME
    return Grade.SLICING if names <= SLICING else Grade.ELSEWHERE


def _different(old: Mapping[str, str], new: Mapping[str, str]) -> set[str]:
    return {name for name in old.keys() & new.keys() if old[name] != new[name]}


def version(package: str) -> str:
    """The installed version of a distribution, read without importing it."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def flags(text: str, *, on_cpu: bool = True) -> str:
    """XLA_FLAGS without those that cannot change the bits, sorted as far as order is free.

    A flag given twice keeps the last value, as XLA does. Those for CPUs change nothing elsewhere.
    """
    kept = {
        flag.split("=")[0]: flag
        for flag in text.split()
        if not _HARMLESS_FLAG.match(flag) and (on_cpu or not _CPU_FLAG.match(flag))
    }
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


def instructions(found: list[str], limit: str) -> str:
    """The instruction set that programs are compiled for: the CPU's own, or less.

    Args:
        found: the CPU's vector extensions.
        limit: what `--xla_cpu_max_isa` says; empty where it says nothing.
    """
    held = {"sse4_2": "sse4_2", "avx": "avx", "avx2": "avx2", "avx512": "avx512f"}
    if held.get(limit.lower()) in found:
        return limit.lower()
    digest = hashlib.sha256(" ".join(found).encode()).hexdigest()[:8]
    return f"{environment.widest(found)} ({digest})"


def blas() -> str:
    """The library that multiplies matrices on the host, with the kernel it has chosen."""
    from threadpoolctl import threadpool_info

    found = {
        f"{one['internal_api']} {one.get('architecture', '')}".strip()
        for one in threadpool_info()
        if one["user_api"] == "blas"
    }
    return ", ".join(sorted(found)) or "not known"
