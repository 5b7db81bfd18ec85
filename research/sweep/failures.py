"""Runs of a sweep that failed: a journal, so that what would fail again is not tried again."""

from __future__ import annotations

import json
import os
from pathlib import Path

from research.sweep.outcome import Ending

FILE = "failures.jsonl"


class Failures:
    """The journal of one sweep: a line for each run that failed for good.

    Args:
        directory: the sweep's.
    """

    def __init__(self, directory: Path) -> None:
        self._path = directory / FILE
        self._known = dict(_read(self._path))

    def of(self, run: Path) -> Ending | None:
        """How a run failed, if it did."""
        reason = self._known.get(_name(run))
        return None if reason is None else Ending("failed", {}, reason)

    def add(self, run: Path, ending: Ending) -> None:
        """Remember, durably, that a run failed and would fail again."""
        self._known[_name(run)] = ending.reason
        line = json.dumps({"run": _name(run), "reason": ending.reason}) + "\n"
        with self._path.open("a") as file:
            # A kill may have cut the last line short: what follows it stands on its own.
            file.write(line if _ends_whole(self._path) else f"\n{line}")
            file.flush()
            os.fsync(file.fileno())


def _name(run: Path) -> str:
    return "/".join(run.parts[-3:])


def _ends_whole(path: Path) -> bool:
    return not path.stat().st_size or path.read_bytes().endswith(b"\n")


def _read(path: Path) -> list[tuple[str, str]]:
    lines = []
    for text in path.read_text(errors="replace").splitlines() if path.exists() else ():
        try:
            line = json.loads(text)
            lines.append((str(line["run"]), str(line["reason"])))
        except (ValueError, KeyError, TypeError):
            continue
    return lines
