"""Searches: a list of trials known beforehand, or a study that learns from those before."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

from research.runs.files import read_lines
from research.runs.spelling import spell_figure
from research.runs.summary import figures_of
from research.sweep.space import Point
from research.sweep.study import SEED_STRIDE, Study, place_of
from research.sweep.trial import (
    Ending,
    Failures,
    Job,
    Outcome,
    Trial,
    finished,
    objective,
    outcome_of,
)


class Lane(NamedTuple):
    """Runs that follow one another in one place; several lanes go side by side."""

    trial: Trial
    jobs: tuple[Job, ...]


class Search(Protocol):
    """Gives the runs to make, and takes how they ended."""

    def next(self) -> Lane | None:
        """The next runs to make; None where there are none, or none before others have ended."""

    def known(self, job: Job) -> Ending | None:
        """How a run ended that needs no process any more."""

    def gives_up(self, lane: Lane, job: Job) -> str:
        """Why what a run has reported so far gives its trial no prospect, or ""."""

    def ended(self, lane: Lane, endings: Sequence[Ending]) -> Outcome | None:
        """Take note that a lane has ended; the outcome of its trial, if that has ended as well."""

    def outcomes(self) -> list[Outcome]:
        """Of all trials so far, in order."""


class Listed:
    """Trials that are known beforehand: of a grid, or of a random search."""

    def __init__(self, trials: Sequence[Trial], metric: str, failures: Failures) -> None:
        self._trials = trials
        self._metric = metric
        self._failures = failures
        # Each run is a lane of its own: seeds of one point go side by side as well.
        self._lanes = [Lane(trial, (job,)) for trial in trials for job in trial.jobs]
        self._endings: dict[tuple[int, int], Ending] = {}

    def next(self) -> Lane | None:
        """The next run."""
        return self._lanes.pop(0) if self._lanes else None

    def known(self, job: Job) -> Ending | None:
        """Of a run that is finished, or failed in a way that would come again."""
        return finished(job.directory) or self._failures.of(job.directory)

    def gives_up(self, lane: Lane, job: Job) -> str:
        """Every point is wanted."""
        return ""

    def ended(self, lane: Lane, endings: Sequence[Ending]) -> Outcome | None:
        """Take note of one run."""
        (job,), (ending,) = lane.jobs, endings
        self._endings[job.trial, job.seed] = ending
        if ending.state == "failed" and ending.final and not self._failures.of(job.directory):
            self._failures.add(job.directory, ending)
        outcome = self._outcome(lane.trial)
        return outcome if None not in outcome.endings else None

    def outcomes(self) -> list[Outcome]:
        """Of all trials, in order."""
        return [self._outcome(trial) for trial in self._trials]

    def _outcome(self, trial: Trial) -> Outcome:
        endings = tuple(self._endings.get((job.trial, job.seed)) for job in trial.jobs)
        return outcome_of(trial, endings, self._metric)


@dataclass
class Guided:
    """Trials that a study suggests one after the other.

    `count` is how many trials there are to be, `refuse` what is wrong with a point.
    """

    study: Study
    count: int
    metric: str
    seed: int
    make: Callable[[int, Point], Trial]
    refuse: Callable[[Point], list[str]]
    pruning: bool
    note: Callable[[str], None]

    def __post_init__(self) -> None:
        self._left = [number for number in self.study.at_work() if number < self.count]
        self._judged: dict[int, dict[int, float]] = {}
        # Neither changes any more once it is there; the table is asked for after each trial.
        self._trials: dict[int, Trial] = {}
        self._finished: dict[Path, Ending] = {}

    def next(self) -> Lane | None:
        """A trial that was left at work, with the very same point; else a new one."""
        if self._left:
            number = self._left.pop(0)
            point = self.study.point(number)
        elif len(self.study.trials()) >= self.count:
            return None
        else:
            begun = self.study.begin(self.seed, self.refuse)
            if isinstance(begun, str):
                self.note(f"no further trial: {begun}")
                self.count = len(self.study.trials())
                return None
            number, point = begun
        trial = self._trial(number, point)
        return Lane(trial, trial.jobs)

    def _trial(self, number: int, point: Point) -> Trial:
        if number not in self._trials:
            self._trials[number] = self.make(number, point)
        return self._trials[number]

    def known(self, job: Job) -> Ending | None:
        """Of a run that is finished."""
        ending = self._finished.get(job.directory) or finished(job.directory)
        if ending is not None:
            self._finished[job.directory] = ending
        return ending

    def gives_up(self, lane: Lane, job: Job) -> str:
        """Judge each line of the run's metrics once, in order, as if it had just come.

        So the decision is the same whenever one looks, and after a kill.
        """
        judged = self._judged.setdefault(lane.trial.number, {})
        lines = read_lines(job.directory)
        index = lane.jobs.index(job)
        for step in sorted(lines):
            place = place_of(step, lane.trial.steps, index)
            value = figures_of(lines[step]).get(self.metric, math.nan)
            if place in judged or not math.isfinite(value):
                continue
            judged[place] = value
            if self.pruning and self.study.gives_up(lane.trial.number, judged):
                return (
                    f"at {place % SEED_STRIDE} % of its steps {self.metric} was "
                    f"{spell_figure(value)}, worse than the median of the trials before"
                )
        return ""

    def ended(self, lane: Lane, endings: Sequence[Ending]) -> Outcome | None:
        """Close the trial."""
        number = lane.trial.number
        value = objective(list(endings), self.metric, len(lane.jobs))
        last = endings[-1]
        if last.state == "complete" and value is None:
            last = Ending("failed", {}, f"its runs report no finite {self.metric}")
        if last.state != "complete" and len(lane.jobs) > 1:
            last = last._replace(reason=f"seed {lane.jobs[len(endings) - 1].seed}: {last.reason}")
        self.study.close(number, last, value, self._judged.pop(number, {}))
        return self._outcome(number)

    def outcomes(self) -> list[Outcome]:
        """Of all trials so far, in order."""
        return [self._outcome(n) for n in range(min(self.count, len(self.study.trials())))]

    def _outcome(self, number: int) -> Outcome:
        trial = self._trial(number, self.study.point(number))
        state, reason = self.study.outcome(number)
        endings = tuple(map(self.known, trial.jobs))
        return Outcome(trial, state, reason, endings, self.study.value(number))


def best_of(outcomes: Sequence[Outcome], *, maximize: bool) -> Outcome | None:
    """The complete trial with the best value; the first of equals."""
    sign = -1 if maximize else 1
    complete = [outcome for outcome in outcomes if outcome.value is not None]
    return min(complete, key=lambda o: sign * (o.value or 0.0), default=None)


def ranked(outcomes: Sequence[Outcome], *, maximize: bool) -> list[Outcome]:
    """Complete trials, best first, then the others in order."""
    sign = -1 if maximize else 1
    return sorted(
        outcomes,
        key=lambda o: (o.value is None, sign * (o.value or 0.0), o.state != "pruned"),
    )


def counts(outcomes: Sequence[Outcome]) -> Mapping[str, int]:
    """How many trials are in each state."""
    states = ("complete", "pruned", "failed", "")
    return {state: sum(o.state == state for o in outcomes) for state in states}
