"""Waiting: for how long steps could not be made because their data was not there yet.

No part of a run's bits or identity, and nothing at all where data lies on the device.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

FIRST = "first"
"""The stage of a first window: nothing could be read ahead of it."""


class Waiting(NamedTuple):
    """What was waited for, since a feed was opened or another moment.

    Attributes:
        seconds: stage -> seconds that the loop waited for it. `FIRST` is one of them.
        steps: how many steps waited, those of first windows not counted.
        remedies: stage -> what to do where it is slow.
    """

    seconds: Mapping[str, float]
    steps: int
    remedies: Mapping[str, str]

    @property
    def total(self) -> float:
        """Seconds waited, for whatever it was."""
        return sum(self.seconds.values())

    def since(self, before: Waiting) -> Waiting:
        """What was waited for after an earlier moment of the same feed."""
        seconds = {name: value - before.seconds[name] for name, value in self.seconds.items()}
        return self._replace(seconds=seconds, steps=self.steps - before.steps)

    def joined(self, other: Waiting) -> Waiting:
        """That of two feeds that were waited for one after the other."""
        seconds = {name: value + other.seconds[name] for name, value in self.seconds.items()}
        return self._replace(seconds=seconds, steps=max(self.steps, other.steps))

    def spell(self, seconds: float) -> dict[str, Any]:
        """As `result.json` has it; `seconds` are those of steps, with what they waited."""
        later = {name: value for name, value in self.seconds.items() if name != FIRST}
        slowest = max(later, key=later.__getitem__)
        return {
            "seconds": self.total,
            "share": self.total / seconds if seconds > 0 else 0.0,
            "share_after_first": sum(later.values()) / seconds if seconds > 0 else 0.0,
            "steps": self.steps,
            "stages": dict(self.seconds),
            "slowest": slowest,
            "remedy": self.remedies[slowest],
        }


def waited_since(
    before: Waiting | None, now: Waiting | None, seconds: float
) -> dict[str, Any] | None:
    """What steps that took so many seconds waited for, as `Waiting.spell` has it."""
    return None if now is None or before is None else now.since(before).spell(seconds)
