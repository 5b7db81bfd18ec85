"""Observers that note what they are told, and one that sends this process a signal."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from research.engine import ledger
from research.engine.record import Observer


class Notes(Observer):
    def __init__(self) -> None:
        self.notes: list[str] = []
        self.saves: list[int] = []
        self.steps: list[int] = []

    def note(self, text: str) -> None:
        self.notes.append(text)

    def saved(self, step: int) -> None:
        self.saves.append(step)

    def progress(self, step: int, steps: int, items_per_second: float, metrics: Any) -> None:
        self.steps.append(step)

    def __contains__(self, text: str) -> bool:
        return any(text in note for note in self.notes)


class Signaller(Notes):
    """Sends a signal to this process once a step is reached."""

    def __init__(self, step: int, number: int = signal.SIGTERM) -> None:
        super().__init__()
        self._at = step
        self._number = number

    def progress(self, step: int, steps: int, items_per_second: float, metrics: Any) -> None:
        super().progress(step, steps, items_per_second, metrics)
        if step >= self._at:
            os.kill(os.getpid(), self._number)


def saved_steps(run: Path) -> list[int]:
    """Every save line of a run's ledger, in order, repetitions included."""
    return [content["step"] for content in ledger.read(run / "ledger.jsonl").of_kind("save")]


def records(run: Path) -> tuple[bytes, bytes]:
    """What must be the same, byte for byte, in a disturbed run and an undisturbed one."""
    return (run / "ledger.jsonl").read_bytes(), (run / "metrics.jsonl").read_bytes()


def same_outcome(left: Mapping[str, Any], right: Mapping[str, Any]) -> bool:
    names = ("digest", "metrics", "step", "complete", "experiment", "seed", "config_digest")
    return all(left[name] == right[name] for name in names)
