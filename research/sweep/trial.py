"""Trials: the runs of a point, the command line of each, and how it ended."""

from __future__ import annotations

import json
import math
import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from research.engine.interrupts import SIGNALS
from research.errors import Exit
from research.options.command import RUNS_DIR
from research.sweep.space import Point, point_options

if TYPE_CHECKING:
    from research.engine.identity import Identity


class Job(NamedTuple):
    """One run that a trial needs.

    Attributes:
        trial: the trial's number, from 0.
        seed: the run's seed.
        words: what follows `python launch.py` to make it.
        directory: where it lies; the same as for `run` typed by hand.
    """

    trial: int
    seed: int
    words: tuple[str, ...]
    directory: Path


class Recipe(NamedTuple):
    """What all runs of a sweep share.

    Attributes:
        experiment: full name.
        fixed: options of the experiment that every trial has, `--name=value`, `--smoke` included.
        pace: options of `run` that change no bit, such as `--keep=1`.
        runs_dir: where the runs lie.
        seed: the first seed.
        seeds: how many.
    """

    experiment: str
    fixed: tuple[str, ...]
    pace: tuple[str, ...]
    runs_dir: Path
    seed: int
    seeds: int


def jobs_of(recipe: Recipe, trial: int, point: Point, identity: Identity) -> tuple[Job, ...]:
    """The runs of one point: one for each seed.

    This is the one place that decides how a point with several seeds is run.
    """
    return tuple(
        Job(
            trial,
            seed,
            (*run_words(recipe, point, seed), *recipe.pace, "--json"),
            identity._replace(seed=seed).directory(recipe.runs_dir),
        )
        for seed in range(recipe.seed, recipe.seed + recipe.seeds)
    )


def run_words(recipe: Recipe, point: Point, seed: int) -> tuple[str, ...]:
    """What a person types after `python launch.py` to make, or show again, one run of a point."""
    where = () if recipe.runs_dir == Path(RUNS_DIR) else (f"--runs-dir={recipe.runs_dir}",)
    chosen = (f"--seed={seed}",) if seed else ()
    return ("run", recipe.experiment, *recipe.fixed, *point_options(point), *chosen, *where)


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
        message: that it ended with, or "".
    """

    code: int
    message: str

    @property
    def stopped(self) -> bool:
        """Whether it was stopped, or had no room, and the same command continues it."""
        return self.code in (Exit.STOPPED, *(-number for number in SIGNALS))

    @property
    def ending(self) -> Ending:
        """The ending of a run whose process ended in this way without finishing it."""
        if self.code < 0:
            name = signal.Signals(-self.code).name
            hint = " (out of memory?)" if -self.code == signal.SIGKILL else ""
            return Ending("failed", {}, f"killed by {name}{hint}", final=False)
        first = self.message.strip().splitlines()[0] if self.message.strip() else ""
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


FILE = "failures.jsonl"


class Journal:
    """Run -> a text, kept in a file of JSON lines that survives a kill.

    `name` is what the text is called in a line.
    """

    def __init__(self, path: Path, name: str) -> None:
        self._path, self._name = path, name
        self.known: dict[str, str] = {}
        for text in path.read_text(errors="replace").splitlines() if path.exists() else ():
            try:
                line = json.loads(text)
                self.known[str(line["run"])] = str(line[name])
            except (ValueError, KeyError, TypeError):
                continue

    def of(self, run: Path) -> str | None:
        """The text of a run, if it has one."""
        return self.known.get(self._key(run))

    def add(self, texts: Mapping[Path, str]) -> None:
        """Add the texts of runs, durably."""
        added = {self._key(run): text for run, text in texts.items()}
        self.known |= added
        lines = [json.dumps({"run": run, self._name: text}) + "\n" for run, text in added.items()]
        with self._path.open("a") as file:
            # A kill may have cut the last line short: what follows it stands on its own.
            whole = not self._path.stat().st_size or self._path.read_bytes().endswith(b"\n")
            file.write("".join(lines) if whole else "\n" + "".join(lines))
            file.flush()
            os.fsync(file.fileno())

    @staticmethod
    def _key(run: Path) -> str:
        return "/".join(run.parts[-3:])


class Failures:
    """The runs of one sweep that failed and would fail again."""

    def __init__(self, directory: Path) -> None:
        self._journal = Journal(directory / FILE, "reason")

    def of(self, run: Path) -> Ending | None:
        """How a run failed, if it did."""
        reason = self._journal.of(run)
        return None if reason is None else Ending("failed", {}, reason)

    def add(self, run: Path, ending: Ending) -> None:
        """Remember, durably, that a run failed and would fail again."""
        self._journal.add({run: ending.reason})


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
