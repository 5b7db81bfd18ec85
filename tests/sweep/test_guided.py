"""A guided sweep on runs that cost nothing: killed wherever one likes, it is the same sweep."""

from __future__ import annotations

import json
import math
import random

import pytest

from research.engine.interrupts import StopRequest
from research.errors import Damaged, Stopped
from research.sweep import search as search_module
from research.sweep.drive import drive
from research.sweep.search import Guided, Listed, best_of
from research.sweep.space import Choices, Interval
from research.sweep.study import FILE, Study, require_optuna
from research.sweep.trial import Ending, Exited, Job, Trial

SPACE = {"rate": Interval(1e-4, 1e-1, log=True, whole=False), "width": Choices((8, 16))}
STEPS = 40


class Killed(BaseException):
    """Stands for kill -9: nothing after it is done, but what was written stays."""


def quality(job):
    rate = float(job.words[0])
    return abs(math.log10(rate) + 2) + int(job.words[1]) / 100 + 0.1 * job.seed


def make(tmp_path, seeds=1):
    def trial(number, point):
        words = (str(point["rate"]), str(point["width"]))
        jobs = tuple(Job(number, s, words, tmp_path / f"{'-'.join(words)}-s{s}")
                     for s in range(seeds))  # fmt: skip
        return Trial(number, point, jobs, STEPS)

    return trial


def run(job):
    """What a run leaves: a line of metrics every ten steps, and its result."""
    if job.words[1] == "8" and float(job.words[0]) > 0.02:
        return Exited(1, "the loss of step 3 is not finite.")
    job.directory.mkdir(exist_ok=True)
    lines = [{"step": s, "m": quality(job) * STEPS / s} for s in range(10, STEPS + 1, 10)]
    (job.directory / "metrics.jsonl").write_text("".join(json.dumps(x) + "\n" for x in lines))
    (job.directory / "done").write_text(str(quality(job)))
    return Exited(0, "")


def finished(directory):
    done = directory / "done"
    return Ending("complete", {"m": float(done.read_text())}) if done.exists() else None


class Done:
    def __init__(self, exited):
        self.exited = exited

    def poll(self):
        return self.exited

    def stop(self):
        pass

    def kill(self):
        pass


class Instant:
    """Runs that end as they begin, except where they or the sweep are killed."""

    def __init__(self, chance=None):
        self.chance, self.started = chance, 0

    def start(self, jobs):
        processes = []
        for job in jobs:
            self.started += 1
            if self.chance and self.chance.random() < 0.08:
                raise Killed
            processes.append(Done(run(job)))
            if self.chance and self.chance.random() < 0.08:
                raise Killed
        return processes


def sweep(tmp_path, count, launcher, *, seeds=1, jobs=1):
    study = Study(tmp_path, SPACE, maximize=False)
    notes = []
    try:
        search = Guided(study, count, "m", 0, make(tmp_path, seeds), lambda point: [],
                        pruning=True, note=notes.append)  # fmt: skip
        drive(search, launcher, jobs, StopRequest(), notes.append, lambda outcome: None)
        return [(o.trial.point, o.state, o.reason, o.value) for o in search.outcomes()]
    finally:
        study.shut()


@pytest.fixture(autouse=True)
def cheap(monkeypatch):
    require_optuna()
    monkeypatch.setattr(search_module, "finished", finished)


def test_killed_at_random_it_makes_the_same_trials(tmp_path) -> None:
    seeds = 2
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    whole = sweep(tmp_path / "a", 14, Instant(), seeds=seeds)
    assert {"complete", "pruned", "failed"} == {state for _, state, _, _ in whole}
    chance, kills = random.Random(0), 0
    while True:
        try:
            killed = sweep(tmp_path / "b", 14, Instant(chance), seeds=seeds)
            break
        except Killed:
            kills += 1
            assert kills < 200
    assert kills > 1
    assert killed == whole


def test_a_finished_sweep_starts_nothing_and_a_longer_one_goes_on(tmp_path) -> None:
    first = sweep(tmp_path, 12, Instant())
    again = Instant()
    assert sweep(tmp_path, 12, again) == first and again.started == 0
    assert sweep(tmp_path, 14, again)[:12] == first and again.started == 2
    assert sweep(tmp_path, 5, again) == first[:5] and again.started == 2


def test_a_nan_is_a_failed_trial_and_the_search_goes_on(tmp_path) -> None:
    found = sweep(tmp_path, 13, Instant())
    failed = [entry for entry in found if entry[1] == "failed"]
    assert failed and all("not finite" in reason for _, _, reason, _ in failed)
    assert len(found) == 13


def test_side_by_side_it_finds_as_many_trials(tmp_path) -> None:
    found = sweep(tmp_path, 7, Instant(), jobs=4)
    assert len(found) == 7 and all(state for _, state, _, _ in found)


def test_a_damaged_study_is_said_to_be_one(tmp_path) -> None:
    (tmp_path / FILE).write_bytes(b"not a database" * 100)
    with pytest.raises(Damaged) as damaged:
        Study(tmp_path, SPACE, maximize=False)
    assert "move it away" in str(damaged.value)


class Memory:
    """Failures that are kept in memory."""

    def __init__(self):
        self.known = {}

    def of(self, run):
        return self.known.get(run)

    def add(self, run, ending):
        self.known[run] = ending


class Slow:
    """Runs that take some looks to end; how many are at work is counted."""

    def __init__(self, looks=3, codes=None):
        self.at_work, self.most, self.stopped, self.order = 0, 0, [], []
        self.looks, self.codes = looks, codes or {}

    def start(self, jobs):
        return [self._start(job) for job in jobs]

    def _start(self, job):
        outer = self
        self.at_work += 1
        self.most = max(self.most, self.at_work)
        self.order.append((job.trial, job.seed))

        class Process:
            left = outer.looks
            ended = None

            def poll(self):
                if self.ended is None:
                    self.left -= 1
                    if self.left <= 0:
                        code = outer.codes.get(job.trial, 0)
                        self.ended = run(job) if code == 0 else Exited(code, "words")
                        outer.at_work -= 1
                return self.ended

            def stop(self):
                outer.stopped.append(job.trial)
                self.left = min(self.left, 1)

            def kill(self):
                raise AssertionError("it stopped when it was asked to")

        return Process()


def listed(tmp_path, count=6, seeds=2, failures=None):
    points = [{"rate": 10.0 ** -(2 + number), "width": 16} for number in range(count)]
    trials = [make(tmp_path, seeds)(number, point) for number, point in enumerate(points)]
    return Listed(trials, "m", failures or Memory())


@pytest.mark.parametrize("jobs", [1, 3, 100])
def test_never_more_runs_than_asked_for_and_all_of_them_in_order(tmp_path, jobs) -> None:
    search, launcher = listed(tmp_path), Slow()
    told = []
    drive(search, launcher, jobs, StopRequest(), told.append, told.append)
    assert launcher.most == min(jobs, 12)
    assert launcher.order == [(trial, seed) for trial in range(6) for seed in range(2)]
    assert [o.trial.number for o in told] == list(range(6))
    outcomes = search.outcomes()
    assert [o.state for o in outcomes] == ["complete"] * 6
    best = best_of(outcomes, maximize=False)
    assert best is not None and best.trial.number == 0 and best.value == pytest.approx(0.21)


def test_asked_to_stop_it_stops_all_runs_and_calls_none_failed(tmp_path) -> None:
    search, launcher, request = listed(tmp_path), Slow(looks=10**9), StopRequest()

    class Impatient(Slow):
        def start(self, jobs):
            request.reason = "SIGINT"
            return super().start(jobs)

    launcher = Impatient(looks=10**9)
    with pytest.raises(Stopped, match="stopped by SIGINT"):
        drive(search, launcher, 2, request, lambda text: None, lambda outcome: None)
    assert launcher.stopped == [0, 0] and launcher.at_work == 0
    assert {o.state for o in search.outcomes()} == {""}


def test_a_run_that_was_stopped_stops_the_sweep(tmp_path) -> None:
    search, launcher = listed(tmp_path, seeds=1), Slow(codes={1: 75})
    with pytest.raises(Stopped, match="was stopped"):
        drive(search, launcher, 1, StopRequest(), lambda text: None, lambda outcome: None)
    assert [o.state for o in search.outcomes()] == ["complete"] + [""] * 5


def test_a_crash_is_tried_again_and_a_nan_is_not(tmp_path) -> None:
    failures = Memory()

    class Nan(Slow):
        def _start(self, job):
            process = super()._start(job)
            if job.trial == 2:
                process.poll = lambda: Exited(1, "the loss of step 3 is not finite.")
            return process

    search = listed(tmp_path, seeds=1, failures=failures)
    drive(search, Nan(codes={1: -9}), 2, StopRequest(), print, lambda outcome: None)
    states = [o.state for o in search.outcomes()]
    assert states == ["complete", "failed", "failed", "complete", "complete", "complete"]
    assert list(failures.known) == [search.outcomes()[2].trial.jobs[0].directory]
    again, launcher = listed(tmp_path, seeds=1, failures=failures), Slow()
    drive(again, launcher, 2, StopRequest(), print, lambda outcome: None)
    assert launcher.order == [(1, 0)]
    assert [o.state for o in again.outcomes()].count("complete") == 5
