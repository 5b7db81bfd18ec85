"""A run's directory: what lies in it, by name."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

CONFIG_FILE = "config.json"
LEDGER_FILE = "ledger.jsonl"
"""What makes a directory a run."""
METRICS_FILE = "metrics.jsonl"
RESULT_FILE = "result.json"
CHECKPOINTS = "checkpoints"
NONFINITE = "nonfinite"
"""One folder for each step whose metrics were not finite."""


class Directories(NamedTuple):
    """The places in a run's directory."""

    run: Path

    @property
    def checkpoints(self) -> Path:
        """One folder a step."""
        return self.run / CHECKPOINTS

    @property
    def ledger(self) -> Path:
        """The chain."""
        return self.run / LEDGER_FILE

    @property
    def metrics(self) -> Path:
        """One line a report."""
        return self.run / METRICS_FILE

    @property
    def initial(self) -> Path:
        """The parameters that the run started from, where it started from another's."""
        return self.run / "initial"

    @property
    def result(self) -> Path:
        """The figures of the run, whole or so far."""
        return self.run / RESULT_FILE
