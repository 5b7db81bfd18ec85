"""A run of the engine as users launch it, timed from the outside."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from research.engine.identity import Identity
from research.engine.loop import Cadence
from research.engine.opening import Surroundings
from research.engine.program import Program
from research.engine.record import Figures, Observer
from research.engine.run import Slicing, launch
from research.errors import Stopped

NEVER = 10**9
ALL_CORES = 10**6
RAMP_SECONDS = 0.5
"""The loop finds the length of its chunks in so much time, which is not counted."""


class Stopwatch(Observer):
    """Notes when each step was reached; everything that the loop does lies between two of them.

    Attributes:
        reached: (step, seconds) of each look that the host takes.
        saved_at: seconds at which a checkpoint was durable.
    """

    def __init__(self) -> None:
        self.reached: list[tuple[int, float]] = []
        self.saved_at: list[float] = []

    def progress(self, step: int, steps: int, items_per_second: float, metrics: Figures) -> None:
        """Note the time."""
        del steps, items_per_second, metrics
        self.reached.append((step, time.perf_counter()))

    def saved(self, step: int) -> None:
        """Note the time."""
        del step
        self.saved_at.append(time.perf_counter())

    def started(self, info: Mapping[str, Any]) -> None:
        """Nothing."""

    def steps_per_second(self) -> float:
        """By the wall clock, from the end of the ramp to the last step."""
        begun = self.reached[0][1] + RAMP_SECONDS
        counted = [entry for entry in self.reached if entry[1] >= begun]
        (first, began), (last, ended) = counted[0], counted[-1]
        return (last - first) / (ended - began)


def timed(
    program: Program,
    directory: Path,
    surroundings: Surroundings,
    until: int,
    *,
    report_every: int = NEVER,
    save_seconds: float = float(NEVER),
    chunk_seconds: float = 0.25,
    cores: int | None = ALL_CORES,
) -> Stopwatch:
    """Launch a run in `directory`, or go on with it, up to a step before its end.

    Nothing is evaluated. The save at the end, and what comes before the first step, are not timed.
    """
    cadence = Cadence(report_every, NEVER, NEVER, save_seconds, chunk_seconds)
    slicing = Slicing(cadence, until=until, cores=cores)
    watch = Stopwatch()
    identity = Identity("benchmark", {}, 0)
    try:
        launch(program, identity, directory, surroundings, slicing, watch)
    except Stopped:
        return watch
    raise RuntimeError("the run came to its end: a benchmark needs one that is longer")
