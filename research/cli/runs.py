"""Which run a person means by a path, or by a part of one."""

from __future__ import annotations

import re
from pathlib import Path

from research.cli.convert import nearest
from research.errors import Mistake

LEDGER_FILE = "ledger.jsonl"
"""What makes a directory a run; the engine's own constant, which comes with JAX."""

_IN_USE = re.compile(r"/[0-9a-f]+-s\d+$")


def find_runs(runs_dir: Path) -> list[Path]:
    """All runs, by experiment and name; those put aside by `--restart` included."""
    return sorted(path.parent for path in runs_dir.glob(f"*/*/*/{LEDGER_FILE}"))


def find_run(text: str, runs_dir: Path) -> Path:
    """The directory of the run that `text` stands for.

    A path; or the run's path below `runs_dir`; or any beginning or end of it, or of its parts,
    that only one run has: `digits_cnn/3f2a`, `3f2a9c01d2e4-s0`, `digits_cnn`.

    Raises:
        Mistake: none or several fit.
    """
    path = Path(text)
    if (path / LEDGER_FILE).is_file():
        return path
    runs = {run.relative_to(runs_dir).as_posix(): run for run in find_runs(runs_dir)}
    wanted = text.strip("/")
    fitting = [name for name in runs if name == wanted] or [n for n in runs if _fits(wanted, n)]
    if len(fitting) > 1:
        # A run that `--restart` put aside is meant only where it is named in full.
        fitting = [name for name in fitting if _IN_USE.search(name)] or fitting
    if len(fitting) == 1:
        return runs[fitting[0]]
    if fitting:
        shown = "\n".join(f"  {name}" for name in fitting[:8])
        more = f"\n  and {len(fitting) - 8} more" if len(fitting) > 8 else ""
        raise Mistake(f"{text} could be {len(fitting)} runs; give more of the name:\n{shown}{more}")
    if path.is_dir():
        raise Mistake(f"{text} is not a run: it has no {LEDGER_FILE}")
    if not runs:
        raise Mistake(f"there is no run {text}: {runs_dir} holds no runs")
    near = nearest(wanted, runs) or _nearest_part(wanted, runs)
    near = near or [name for name in runs if wanted in name][:3]
    hint = f"; did you mean {' or '.join(near)}?" if near else f"; see {runs_dir}"
    raise Mistake(f"there is no run {text} in {runs_dir}{hint}")


def _fits(wanted: str, name: str) -> bool:
    """Whether `wanted` is whole parts of the name, the last of which may be cut short."""
    parts, words = name.split("/"), wanted.split("/")
    for start in range(len(parts) - len(words) + 1):
        section = parts[start : start + len(words)]
        whole = all(part == word for part, word in zip(section[:-1], words[:-1], strict=True))
        last, word = section[-1], words[-1]
        # `-s0` and `s0` are ends; a digest is mostly given by its beginning.
        if whole and word and (last.startswith(word) or last.endswith(f"-{word.lstrip('-')}")):
            return True
    return False


def _nearest_part(wanted: str, runs: dict[str, Path]) -> list[str]:
    by_part = {part: name for name in runs for part in name.split("/")}
    return list(dict.fromkeys(by_part[part] for part in nearest(wanted, by_part)))
