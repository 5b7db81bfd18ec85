"""The code that a run rests on: a digest of each file that its experiment imports."""

from __future__ import annotations

import ast
import functools
import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
"""The folder that holds `research/` and `experiments/`."""
DRIVERS = (
    "research.data.feed",
    "research.engine.environment",
    "research.engine.following",
    "research.engine.population",
    "research.engine.program",
)
"""Modules behind every run, whatever the experiment imports, and all that they import."""
FINISHERS = ("research.engine.finish", "research.engine.loop", "research.engine.selection")
"""Modules behind every run whose own imports only save, show and check."""
_PACKAGES = ("research", "experiments")
DIGITS = 16
"""Hex digits of a file's SHA-256 that are kept: they name a change, and nothing rests on them."""


def code_digest(experiment_file: Path, root: Path = ROOT) -> dict[str, str]:
    """The experiment's file and all that it imports from this project, directly or not.

    Imports are read from the source and nothing is executed, so an import inside a function
    counts and one through `importlib` does not.

    Args:
        experiment_file: the file of a named experiment, under `root`.
        root: the folder that holds `research/`.

    Returns:
        Path relative to `root` (with `/`) -> SHA-256 of the source, whatever its line ends: the
        first `DIGITS` hex digits.
    """
    waiting = [experiment_file.resolve()]
    for module in DRIVERS:
        waiting.extend(_files(module, root))
    alone = [file for module in FINISHERS for file in _files(module, root)]
    found: dict[str, str] = {}
    while waiting or alone:
        follow = bool(waiting)
        file = waiting.pop() if follow else alone.pop()
        name = file.relative_to(root.resolve()).as_posix()
        if name in found:
            continue
        source = file.read_bytes().replace(b"\r\n", b"\n")
        found[name] = hashlib.sha256(source).hexdigest()[:DIGITS]
        for module in _imports(ast.parse(source, name), _package(name)) if follow else ():
            waiting.extend(_files(module, root))
    return dict(sorted(found.items()))


def combined(files: Mapping[str, str]) -> str:
    """One SHA-256 (hex) over what `code_digest` gives."""
    return hashlib.sha256(json.dumps(dict(files), sort_keys=True).encode()).hexdigest()


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


def _imports(tree: ast.Module, package: str) -> Iterator[str]:
    """Names that the imports of a module could load as modules."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = package.split(".")
                start = ".".join(parents[: len(parents) - node.level + 1])
                base = f"{start}.{base}" if base else start
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


def _package(name: str) -> str:
    return ".".join(Path(name).parent.parts)


def _files(module: str, root: Path) -> Iterator[Path]:
    """The file of a module and those of the packages around it, which are executed before it."""
    parts = module.split(".")
    if parts[0] not in _PACKAGES:
        return
    for end in range(1, len(parts) + 1):
        path = root.resolve().joinpath(*parts[:end])
        for file in (path / "__init__.py", path.with_suffix(".py")):
            if file.is_file():
                yield file
