"""The CPU as far as bits can follow it: its kind, its instructions, its level-1 cache."""

from __future__ import annotations

import platform
import re
from pathlib import Path

_CPUINFO = Path("/proc/cpuinfo")
_VECTOR_FLAG = re.compile(
    r"(sse|ssse|avx|fma|f16c|bmi|amx|asimd|sve|sme|fphp|bf16|i8mm|vaes|vpclmul|gfni|sha_ni)\w*"
)
_WIDEST = ("amx_tile", "avx512f", "avx2", "avx", "sse4_2", "sve2", "sve", "asimd")


def kind(cpuinfo: Path = _CPUINFO) -> str:
    """Vendor, family and model, after which LLVM tunes programs."""
    fields = _first_processor(cpuinfo)
    names = {"vendor_id": "", "cpu family": "family ", "model": "model "}
    names |= {"CPU implementer": "implementer ", "CPU part": "part "}
    said = " ".join(label + fields[name] for name, label in names.items() if name in fields)
    return said or platform.processor() or "not known"


def vector_extensions(cpuinfo: Path = _CPUINFO) -> list[str]:
    """Names of the extensions that calculate, sorted; none where the system does not say."""
    fields = _first_processor(cpuinfo)
    words = fields.get("flags", fields.get("Features", "")).split()
    return sorted(word for word in words if _VECTOR_FLAG.fullmatch(word))


def widest(extensions: list[str]) -> str:
    """The newest of the extensions by which generations of CPUs are told apart."""
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
