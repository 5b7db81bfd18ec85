"""When the loop stops to report, evaluate or save. None of it can change a bit of the state."""

from __future__ import annotations

from typing import NamedTuple

CHUNK_SECONDS = 0.25
"""About how long the device works before the host looks again."""


class Cadence(NamedTuple):
    """Steps between the loop's stops.

    Attributes:
        report_every: steps between lines of metrics.
        evaluate_every: steps between evaluations.
        save_every: steps between checkpoints.
        save_seconds: a checkpoint is made besides when the last is older than this.
        chunk_seconds: about how long the device works before the host looks again.
    """

    report_every: int
    evaluate_every: int
    save_every: int
    save_seconds: float = 30.0
    chunk_seconds: float = CHUNK_SECONDS

    def next_stop(self, step: int, until: int, chunk: int) -> int:
        """The next step at which the loop has something to do, at most `chunk` away."""
        stops = [step + chunk, until]
        for every in (self.report_every, self.evaluate_every, self.save_every):
            stops.append(step - step % every + every)
        return min(stops)


def default_cadence(steps: int, evaluate_every: int) -> Cadence:
    """About fifty reports in a run, a checkpoint at each evaluation."""
    return Cadence(
        report_every=max(1, steps // 50),
        evaluate_every=max(1, evaluate_every),
        save_every=max(1, evaluate_every),
    )


class ChunkSize:
    """How many steps to hand to the device at a time, from the rate seen so far."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.steps = 1

    def seen(self, steps: int, seconds: float) -> None:
        """Take note of a chunk. Growth is bounded, so that one odd timing does no harm."""
        fitting = int(steps * self._seconds / max(seconds, 1e-6))
        self.steps = max(1, min(fitting, 4 * self.steps))
