"""Runs as processes of this machine."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from research.sweep.jobs import Job
from research.sweep.outcome import Exited, last_words
from research.sweep.remote import spawn

DEVICES = "CUDA_VISIBLE_DEVICES"


class Process(Protocol):
    """A run at work somewhere."""

    def poll(self) -> Exited | None:
        """How it ended; None while it is at work."""

    def stop(self) -> None:
        """Ask it to save and stop. Asking twice does no harm."""

    def kill(self) -> None:
        """End it at once."""


class Launcher(Protocol):
    """Where runs are started."""

    def start(self, jobs: Sequence[Job]) -> list[Process]:
        """Start all of `jobs`, which may begin later; in their order."""


class LocalProcess:
    """A run that is a child of this process."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self._process = process
        self._log = log

    def poll(self) -> Exited | None:
        """How it ended; None while it is at work."""
        code = self._process.poll()
        return None if code is None else Exited(code, last_words_of(self._log))

    def stop(self) -> None:
        """Ask it to save and stop."""
        if self._process.poll() is None:
            self._process.terminate()

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()
        self._process.wait()


class LocalLauncher:
    """Starts runs on this machine.

    Args:
        program: the path of `launch.py`.
        logs: the folder for what the runs print.
    """

    def __init__(self, program: Path, logs: Path) -> None:
        self._program = program
        self._logs = logs
        self._slots: list[LocalProcess | None] = []

    def start(self, jobs: Sequence[Job]) -> list[Process]:
        """Start all of `jobs` now."""
        return [self._start(job) for job in jobs]

    def _start(self, job: Job) -> LocalProcess:
        self._logs.mkdir(exist_ok=True)
        free = [n for n, old in enumerate(self._slots) if old is None or old.poll() is not None]
        slot = free[0] if free else len(self._slots)
        self._slots += [None] * (slot + 1 - len(self._slots))
        log = log_of(self._logs, job)
        command = [str(self._program), *job.words]
        process = LocalProcess(spawn(command, log, slot_environment(os.environ, slot)), log)
        self._slots[slot] = process
        return process


def log_of(logs: Path, job: Job) -> Path:
    """Where a run's output goes, without the endings `.out` and `.err`."""
    return logs / f"trial-{job.trial:04}-s{job.seed}"


def last_words_of(log: Path) -> str:
    """What the process with this log said last."""
    return last_words(log.with_suffix(".out"), log.with_suffix(".err"))


def slot_environment(environment: Mapping[str, str], slot: int) -> dict[str, str]:
    """The environment of the runs in one of the places that `--jobs` makes.

    Where several devices are listed in CUDA_VISIBLE_DEVICES, runs take one each, in turn.
    """
    devices = [name for name in environment.get(DEVICES, "").split(",") if name]
    if len(devices) < 2:
        return dict(environment)
    return {**environment, DEVICES: devices[slot % len(devices)]}
