"""Several observers of one run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from research.engine.record import Figures, Observer


class Together:
    """An observer that tells all of its own, in order."""

    def __init__(self, *observers: Observer) -> None:
        self._observers = observers

    def started(self, info: Mapping[str, Any]) -> None:
        """Tell all."""
        for observer in self._observers:
            observer.started(info)

    def progress(self, step: int, steps: int, items_per_second: float, metrics: Figures) -> None:
        """Tell all."""
        for observer in self._observers:
            observer.progress(step, steps, items_per_second, metrics)

    def evaluated(self, step: int, metrics: Figures) -> None:
        """Tell all."""
        for observer in self._observers:
            observer.evaluated(step, metrics)

    def saved(self, step: int) -> None:
        """Tell all."""
        for observer in self._observers:
            observer.saved(step)

    def note(self, text: str) -> None:
        """Tell all."""
        for observer in self._observers:
            observer.note(text)

    def finished(self, result: Mapping[str, Any]) -> None:
        """Tell all."""
        for observer in self._observers:
            observer.finished(result)
