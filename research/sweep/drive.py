"""The loop of a sweep: start runs, watch them, record how they ended, and stop in good order."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from research.engine.directory import is_held, owner
from research.engine.interrupts import StopRequest
from research.errors import Exit, Stopped
from research.sweep.launchers import Launcher, Process
from research.sweep.remote import SAVE_SECONDS
from research.sweep.search import Lane, Search
from research.sweep.trial import Ending, Exited, Job, Outcome

POLL_SECONDS = 0.1


@dataclass
class _Active:
    """A lane at work."""

    lane: Lane
    endings: list[Ending] = field(default_factory=list)
    process: Process | None = None
    given_up: str = ""
    waiting: bool = False

    @property
    def job(self) -> Job:
        return self.lane.jobs[len(self.endings)]

    @property
    def over(self) -> bool:
        """Whether nothing is left to do: all runs ended, or one of them not well."""
        bad = any(ending.state != "complete" for ending in self.endings)
        return bad or len(self.endings) == len(self.lane.jobs)


def drive(
    search: Search,
    launcher: Launcher,
    capacity: int,
    request: StopRequest,
    note: Callable[[str], None],
    ended: Callable[[Outcome], None],
    at_work: Callable[[Sequence[Job]], None] = lambda jobs: None,
) -> None:
    """Make all runs that `search` wants, at most `capacity` lanes at a time.

    `at_work` is called with the runs under way, again and again.

    Raises:
        Stopped: someone asked to stop, or a run was stopped; all runs have saved and stopped.
    """
    active: list[_Active] = []
    try:
        while True:
            if request:
                raise Stopped(f"stopped by {request.reason}")
            _fill(active, search, capacity)
            _start(active, search, launcher, note)
            for work in active:
                _look(work, search)
            for work in [work for work in active if work.over]:
                active.remove(work)
                outcome = search.ended(work.lane, work.endings)
                if outcome is not None:
                    ended(outcome)
            if not active and not _fill(active, search, capacity):
                return
            at_work([work.job for work in active])
            if all(work.process is not None or work.waiting for work in active):
                time.sleep(POLL_SECONDS)
    finally:
        stop_all([work.process for work in active if work.process is not None])


def _fill(active: list[_Active], search: Search, capacity: int) -> bool:
    """Take up further lanes; whether there is work now."""
    while len(active) < capacity and (lane := search.next()) is not None:
        active.append(_Active(lane))
    return bool(active)


def _start(
    active: Sequence[_Active], search: Search, launcher: Launcher, note: Callable[[str], None]
) -> None:
    """Start what has no process: all at once, so that a cluster can make one array of them."""
    due = []
    for work in active:
        if work.process is not None or work.over:
            continue
        if is_held(work.job.directory):
            if not work.waiting:
                note(
                    f"{work.job.directory}: {owner(work.job.directory)} is at work in it; "
                    "waiting for it to end"
                )
            work.waiting = True
            continue
        work.waiting = False
        known = search.known(work.job)
        if known is None:
            due.append(work)
        else:
            _take(work, known, search)
    for work, process in zip(due, launcher.start([w.job for w in due]) if due else (), strict=True):
        work.process = process


def _look(work: _Active, search: Search) -> None:
    """See how far a run is."""
    if work.process is None:
        return
    exited = work.process.poll()
    if exited is None:
        if not work.given_up:
            work.given_up = search.gives_up(work.lane, work.job)
            if work.given_up:
                work.process.stop()
        return
    work.process = None
    # What was reported last counts before what became of the run: so it does after a kill too.
    why = work.given_up or ("" if exited.stopped else search.gives_up(work.lane, work.job))
    if why:
        work.endings.append(Ending("pruned", {}, why))
        return
    done = search.known(work.job)
    if done is not None:
        work.endings.append(done)
    elif exited.stopped:
        raise Stopped(f"stopped: the run in {work.job.directory} was stopped{_reason(exited)}")
    elif exited.code == Exit.MISTAKE and is_held(work.job.directory):
        return  # Someone else was quicker: it is waited for.
    elif exited.code == Exit.DONE:
        why = f"its run ended, and {work.job.directory} holds no finished run"
        work.endings.append(Ending("failed", {}, why, final=False))
    else:
        work.endings.append(exited.ending)


def _take(work: _Active, ending: Ending, search: Search) -> None:
    """Take note of a run that needs no process, unless it is one that would have been given up."""
    why = search.gives_up(work.lane, work.job) if ending.state == "complete" else ""
    work.endings.append(Ending("pruned", {}, why) if why else ending)


def _reason(exited: Exited) -> str:
    return f" ({exited.message.strip().splitlines()[0]})" if exited.message.strip() else ""


def stop_all(processes: Sequence[Process]) -> None:
    """Tell runs to save and stop, wait until they have, and end those that take too long."""
    for process in processes:
        process.stop()
    deadline = time.monotonic() + SAVE_SECONDS
    while any(process.poll() is None for process in processes):
        if time.monotonic() > deadline:
            # Saves are whole or not there: nothing saved is lost.
            for process in processes:
                if process.poll() is None:
                    process.kill()
            return
        time.sleep(POLL_SECONDS / 2)
