"""How a run ended, read from its own directory and from what its process said last."""

from __future__ import annotations

import json
import math
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

from research.engine.interrupts import SIGNALS
from research.errors import Exit

State = Literal["complete", "failed", "pruned"]


class Ending(NamedTuple):
    """How one run, or a trial of several, ended.

    Attributes:
        state: `complete`, `failed` or `pruned`.
        metrics: name -> figure; empty unless it is complete.
        reason: why it is not complete, in a sentence, or "".
        final: whether trying again would end the same way (NaN comes again, to the bit).
    """

    state: State
    metrics: Mapping[str, Any]
    reason: str = ""
    final: bool = True


def finished(directory: Path) -> Ending | None:
    """The figures of a finished run, as its ledger vouches for them; None if it is not finished."""
    from research.engine import ledger
    from research.engine.directory import LEDGER_FILE

    path = directory / LEDGER_FILE
    if not path.is_file():
        return None
    recorded = ledger.read(path).result()
    if recorded is None or not recorded["shown"].get("complete"):
        return None
    return Ending("complete", recorded["metrics"])


class Exited(NamedTuple):
    """How a process ended.

    Attributes:
        code: its exit code; minus the signal's number where one killed it.
        said: the message that it ended with, or "".
    """

    code: int
    said: str

    @property
    def stopped(self) -> bool:
        """Whether it was told to stop, or had no room, and the same command continues it."""
        return self.code in (Exit.STOPPED, *(-number for number in SIGNALS))

    @property
    def ending(self) -> Ending:
        """The ending of a run whose process ended in this way without finishing it."""
        if self.code < 0:
            name = signal.Signals(-self.code).name
            hint = " (out of memory?)" if -self.code == signal.SIGKILL else ""
            return Ending("failed", {}, f"killed by {name}{hint}", final=False)
        first = self.said.strip().splitlines()[0] if self.said.strip() else ""
        reason = first.rstrip(".") or f"exit code {self.code}"
        diverged = self.code == Exit.DIVERGED and "is not finite" in first
        return Ending("failed", {}, reason, final=diverged)


def last_words(out: Path, err: Path) -> str:
    """The message that a process ended with: of its JSON object, else its last line of text."""
    try:
        report = json.loads(_last_line(out))
        return str(report.get("error", "")) if isinstance(report, dict) else ""
    except ValueError:
        return _last_line(err)


def _last_line(path: Path) -> str:
    try:
        lines = path.read_text(errors="replace").split("\n")
    except OSError:
        return ""
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def figure(ending: Ending, metric: str) -> float | None:
    """The finite figure of a complete run; None where it has none."""
    value = ending.metrics.get(metric)
    usable = isinstance(value, int | float) and math.isfinite(value)
    return float(value) if usable and value is not None else None


def objective(endings: list[Ending], metric: str, seeds: int) -> float | None:
    """The mean over all seeds of a trial; None unless each of them has a figure."""
    values = [figure(ending, metric) for ending in endings]
    found = [value for value in values if value is not None]
    return math.fsum(found) / seeds if len(found) == len(values) == seeds else None
