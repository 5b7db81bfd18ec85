"""What the engine tells the outside while it runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from research.engine.record import Figures


class Observer(Protocol):
    """Shows a run to whoever looks. Called from the loop: none of it may be slow."""

    def started(self, info: Mapping[str, Any]) -> None:
        """`run_dir`, `experiment`, `seed`, `step`, `steps` and `items`, before anything runs."""

    def progress(self, step: int, steps: int, items_per_second: float, metrics: Figures) -> None:
        """The run stands at `step`; `metrics` are the last reported ones."""

    def evaluated(self, step: int, metrics: Figures) -> None:
        """New figures of the watched or final splits."""

    def saved(self, step: int) -> None:
        """The checkpoint of `step` and its ledger line are durable."""

    def note(self, text: str) -> None:
        """Something that a person should know."""

    def finished(self, result: Mapping[str, Any]) -> None:
        """The content of `result.json`."""


class Silence:
    """An observer that shows nothing."""

    def started(self, info: Mapping[str, Any]) -> None:
        """Nothing."""

    def progress(self, step: int, steps: int, items_per_second: float, metrics: Figures) -> None:
        """Nothing."""

    def evaluated(self, step: int, metrics: Figures) -> None:
        """Nothing."""

    def saved(self, step: int) -> None:
        """Nothing."""

    def note(self, text: str) -> None:
        """Nothing."""

    def finished(self, result: Mapping[str, Any]) -> None:
        """Nothing."""
