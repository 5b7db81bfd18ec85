"""One trial: its point, its runs, and what has become of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from research.sweep.jobs import Job
from research.sweep.outcome import Ending, State, objective


class Trial(NamedTuple):
    """What is tried.

    Attributes:
        number: from 0.
        point: field -> value.
        jobs: its runs, one for each seed.
        steps: how many steps each run has.
    """

    number: int
    point: Mapping[str, Any]
    jobs: tuple[Job, ...]
    steps: int = 0


class Outcome(NamedTuple):
    """How a trial ended.

    Attributes:
        trial: what was tried.
        state: `complete`, `failed` or `pruned`; "" where it has not ended.
        reason: why it is not complete.
        endings: of its runs in the order of their seeds, None where a run has not ended.
        value: the mean of the metric over all seeds, or None.
    """

    trial: Trial
    state: State | str
    reason: str
    endings: tuple[Ending | None, ...]
    value: float | None


def outcome_of(trial: Trial, endings: tuple[Ending | None, ...], metric: str) -> Outcome:
    """The outcome of a trial from those of its runs: complete only if each of them is.

    A trial of which one seed failed has no mean: that of the others would flatter it.
    """
    known = [ending for ending in endings if ending is not None]
    value = objective(known, metric, len(trial.jobs))
    bad = [
        f"seed {job.seed}: {ending.reason}" if len(trial.jobs) > 1 else ending.reason
        for job, ending in zip(trial.jobs, endings, strict=True)
        if ending is not None and ending.state == "failed"
    ]
    if bad:
        return Outcome(trial, "failed", "; ".join(bad), endings, None)
    if len(known) < len(trial.jobs):
        return Outcome(trial, "", "", endings, None)
    reason = "" if value is not None else f"its runs report no finite {metric}"
    return Outcome(trial, "complete" if value is not None else "failed", reason, endings, value)
