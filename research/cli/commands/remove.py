"""`remove`: delete a run, after asking."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from research.errors import Mistake
from research.options.command import Command, Context, OnRuns, Outcome, parse
from research.options.terminal import spell_bytes
from research.runs.names import RUN, find_run


@dataclass(frozen=True)
class Options(OnRuns):
    """Options of `remove`."""

    yes: Annotated[bool, "do not ask; RUN must then be a whole path"] = False


def execute(tokens: Sequence[str], context: Context) -> Outcome:
    """Delete one run's directory and what it leaves empty above it."""
    from research.engine.directory import hold

    (text,), options = parse(COMMAND, tokens)
    run = find_run(text, Path(options.runs_dir))
    if run.is_symlink():
        raise Mistake(f"{run} is a link; remove what it points to by its own name")
    if options.yes and run not in (Path(text), Path(options.runs_dir, text)):
        raise Mistake(f"--yes deletes unasked, and so takes a whole path: is {run} what you mean?")
    files = [path for path in run.rglob("*") if path.is_file() and not path.is_symlink()]
    size = sum(path.stat().st_size for path in files)
    described = f"{run} ({len(files)} files, {spell_bytes(size)})"
    if not options.yes:
        _ask(described, context)
    with hold(run):
        shutil.rmtree(run)
    _remove_empty(run.parent, Path(options.runs_dir))
    print(f"removed {described}", file=context.human)
    return Outcome({"removed": str(run), "bytes": size})


def _ask(described: str, context: Context) -> None:
    if not sys.stdin.isatty():
        raise Mistake(f"to remove {described}, add --yes: there is no terminal to ask on")
    print(f"remove {described}? [y/N] ", end="", file=context.human, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise Mistake("not removed")


def _remove_empty(directory: Path, runs_dir: Path) -> None:
    """Remove `directory` and its parents below `runs_dir`, as long as they are empty."""
    while runs_dir.resolve() in directory.resolve().parents and not any(directory.iterdir()):
        directory.rmdir()
        directory = directory.parent


COMMAND = Command(
    name="remove",
    summary="delete a run",
    text="""Deletes one run's directory: its checkpoints, ledger and results. It asks first. A
    directory that is not a run, and a run that a process is at work in, are refused.""",
    arguments=(RUN,),
    options=Options,
    examples=(
        ("remove runs/vision/digits_cnn/3f2a9c01d2e4-s0", "by its path, after asking"),
        ("remove 3f2a", "by the beginning of its digest"),
        ("remove runs/vision/digits_cnn/3f2a9c01d2e4-s0 --yes", "without asking, as in a script"),
    ),
    exits=(),
    execute=execute,
)
