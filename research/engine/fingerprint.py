"""Fingerprints of the environment, and digests of the code: all that a run's bits rest on."""

from __future__ import annotations

import ast
import enum
import functools
import hashlib
import importlib.metadata
import os
import platform
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

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
    """The installed version of a package, read without importing it."""
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

    `found` are the CPU's vector extensions, `limit` is the value of `--xla_cpu_max_isa` or "".
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


ROOT = Path(__file__).resolve().parents[2]
"""The folder that holds `research/` and `experiments/`."""
DRIVERS = (
    "research.data.feed",
    "research.engine.environment",
    "research.engine.processes",
    "research.engine.population",
    "research.engine.program",
)
"""Modules behind every run, whatever the experiment imports, and all that they import."""
FINISHERS = ("research.engine.finish", "research.engine.loop", "research.engine.selection")
"""Modules behind every run whose own imports only save, show and check."""
_OURS = ("research", "experiments")
_STRING_OR_END = re.compile(
    r"""(?P<string>""\"(\\.|[^\\])*?""\"|'''(\\.|[^\\])*?'''|"(\\.|[^"\\])*"|'(\\.|[^'\\])*')"""
    r"""|([ \t]*(\#[^\n]*)?\n)+""",
    re.DOTALL,
)
"""A string of a source; or the end of a line with its comment, and the empty lines after it."""
DIGITS = 16
"""Hex digits of a file's SHA-256 that are kept: they name a change, and nothing rests on them."""


def code_digest(experiment_file: Path, root: Path = ROOT) -> dict[str, str]:
    """The experiment's file and all that it imports from this project, directly or not.

    Imports are read from the source and nothing is executed, so an import inside a function
    counts and one through `importlib` does not.

    Returns:
        Path relative to `root` (with `/`) -> SHA-256 of what is executed of the source, without
        comments, docstrings and blank lines: the first `DIGITS` hex digits.
    """
    root = root.resolve()
    waiting = [experiment_file.resolve()]
    for module in DRIVERS:
        waiting.extend(_files(module, root))
    alone = [file for module in FINISHERS for file in _files(module, root)]
    found: dict[str, str] = {}
    met: set[str] = set()
    while waiting or alone:
        follow = bool(waiting)
        file = waiting.pop() if follow else alone.pop()
        name = file.relative_to(root).as_posix()
        if name in found:
            continue
        executed, imports = _parse(file.read_text(encoding="utf-8"), name)
        found[name] = hashlib.sha256(executed.encode()).hexdigest()[:DIGITS]
        for module in imports - met if follow else ():
            waiting.extend(_files(module, root))
            met.add(module)
    return dict(sorted(found.items()))


def changed(old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    """One phrase for each file that differs, such as `research/vision/losses.py changed`."""

    def word(name: str) -> str:
        if name not in old:
            return "added"
        return "changed" if name in new else "removed"

    def differs(name: str) -> bool:
        # Runs of before have whole digests.
        return old.get(name, "")[:DIGITS] != new.get(name, "")[:DIGITS]

    names = [name for name in sorted(old.keys() | new.keys()) if differs(name)]
    unknown = [name for name in names if name not in old and name in _always()]
    phrases = [f"{name} {word(name)}" for name in names if name not in unknown]
    if unknown:
        phrases.append(f"{len(unknown)} files behind every run were not recorded then")
    return phrases


@functools.cache
def _always() -> frozenset[str]:
    """The files of `DRIVERS` and `FINISHERS`, and of what the former import."""
    return frozenset(code_digest(Path(__file__)))


@functools.cache
def _parse(source: str, name: str) -> tuple[str, frozenset[str]]:
    """What is executed of a file, as text, and the names that its imports could load as modules."""
    tree = ast.parse(source, name)
    return _executed(source, tree), _imports(tree, name)


def _executed(source: str, tree: ast.Module) -> str:
    """A file without comments, blank lines, and strings that nothing reads."""
    unread = [node for node in _statements(tree, False) if isinstance(node, ast.Expr)]
    lines = f"{source}\n".encode().splitlines(keepends=True)
    # From the end, so that places before stay where they are.
    for node in sorted(unread, key=lambda node: (node.lineno, node.col_offset), reverse=True):
        if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            first, last = node.lineno - 1, (node.end_lineno or node.lineno) - 1
            start, end = lines[first][: node.col_offset], lines[last][node.end_col_offset :]
            lines[first : last + 1] = [start + b"pass" + end]
    text = b"".join(lines).decode()
    return _STRING_OR_END.sub(lambda found: found["string"] or "\n", text).strip()


def _imports(tree: ast.Module, name: str) -> frozenset[str]:
    """Names that the imports of a file could load as modules; not those for the type checker."""
    found = set()
    for node in _statements(tree, True):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = Path(name).parent.parts
                start = ".".join(parents[: len(parents) - node.level + 1])
                base = f"{start}.{base}" if base else start
            found |= {base, *(f"{base}.{alias.name}" for alias in node.names)}
    return frozenset(found)


def _statements(tree: ast.Module, run: bool) -> Iterator[ast.AST]:
    """Every statement, and what holds some; with `run` without those for the type checker alone."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        alone = run and isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for field in ("orelse",) if alone else ("body", "orelse", "finalbody", "handlers", "cases"):
            # The branches of a conditional expression are no lists.
            held = getattr(node, field, None)
            waiting.extend(held if isinstance(held, list) else ())


def _files(module: str, root: Path) -> Iterator[Path]:
    """The file of a module and those of the packages around it, which are executed before it.

    `root` is resolved.
    """
    parts = module.split(".")
    if parts[0] not in _OURS:
        return
    for end in range(1, len(parts) + 1):
        path = root.joinpath(*parts[:end])
        for file in (path / "__init__.py", path.with_suffix(".py")):
            if file.is_file():
                yield file
