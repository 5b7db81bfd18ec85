"""Launchers: runs as processes of this machine, or as SLURM jobs through submitit."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from research.errors import Mistake
from research.options.command import require
from research.sweep import remote
from research.sweep.remote import Remote, spawn
from research.sweep.trial import Exited, Job, Journal, last_words

if TYPE_CHECKING:
    from research.sweep.request import SweepOptions

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
    """Starts runs on this machine."""

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
    """The last message of the process with this log."""
    return last_words(log.with_suffix(".out"), log.with_suffix(".err"))


def slot_environment(environment: Mapping[str, str], slot: int) -> dict[str, str]:
    """The environment of the runs in one of the places that `--jobs` makes.

    Where several devices are listed in CUDA_VISIBLE_DEVICES, runs take one each, in turn.
    """
    devices = [name for name in environment.get(DEVICES, "").split(",") if name]
    if len(devices) < 2:
        return dict(environment)
    return {**environment, DEVICES: devices[slot % len(devices)]}


SUBMITTED = "jobs.jsonl"


def minutes_of(text: str) -> int | None:
    """The minutes of `90` or `1:30`; None where it is no such time."""
    match = re.fullmatch(r"(?:(\d+):)?(\d+)", text)
    if not match or (match[1] and int(match[2]) > 59):
        return None
    minutes = 60 * int(match[1] or 0) + int(match[2])
    return minutes if minutes >= 2 else None


def extra_of(text: str) -> dict[str, str] | None:
    """The pairs of `qos=high,constraint=a100`; None where it is no such list."""
    pairs = [part.partition("=") for part in text.split(",") if part]
    if not all(name and equals and value for name, equals, value in pairs):
        return None
    return {name.strip().lstrip("-"): value for name, _, value in pairs}


def require_submitit(cluster: str) -> None:
    """Import submitit, silence it, and look for SLURM.

    Raises:
        Mistake: one of them is not there.
    """
    require("submitit", "--slurm")
    if cluster == "slurm" and shutil.which("sbatch") is None:
        raise Mistake(
            "--slurm: there is no sbatch on this machine; run it where SLURM jobs are submitted, "
            "or try the same path here with --slurm-cluster local"
        )
    import logging

    # Its log: what matters reaches us as exceptions.
    for name in ("submitit", "submitit.core", "submitit.slurm"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


def parameters(options: SweepOptions, name: str) -> dict[str, Any]:
    """The parameters of submitit."""
    settings: dict[str, Any] = {
        "name": name,
        "timeout_min": minutes_of(options.slurm_time),
        "mem_gb": options.slurm_memory,
        "cpus_per_task": options.slurm_cpus,
    }
    if options.slurm_gpus:
        settings["gpus_per_node"] = options.slurm_gpus
    if options.slurm_cluster == "slurm":
        settings |= {
            "slurm_array_parallelism": options.jobs,
            "slurm_partition": options.slurm_partition or None,
            "slurm_account": options.slurm_account or None,
            "slurm_additional_parameters": extra_of(options.slurm_extra) or None,
            # Long enough before the limit for a run to save.
            "slurm_signal_delay_s": int(remote.SAVE_SECONDS) + 30,
        }
    return {key: value for key, value in settings.items() if value is not None}


class ClusterLauncher:
    """Starts runs as jobs of a cluster.

    `program` is `launch.py`, on a file system that the nodes share.
    """

    def __init__(self, program: Path, directory: Path, options: SweepOptions, name: str) -> None:
        import cloudpickle
        import submitit

        # A node need not find this project on its path to begin.
        cloudpickle.register_pickle_by_value(remote)
        self._program = program.resolve()
        self._directory = directory.resolve()
        self._folder = self._directory / "slurm"
        self._submitted = Journal(self._folder / SUBMITTED, "id")
        self._cluster = options.slurm_cluster
        self._executor = submitit.AutoExecutor(self._folder, cluster=options.slurm_cluster)
        self._executor.update_parameters(**parameters(options, name))

    def start(self, jobs: Sequence[Job]) -> list[Process]:
        """Submit all of `jobs` as one array, but for those that are in the queue already."""
        logs = self._directory / "logs"
        logs.mkdir(exist_ok=True)
        old = [self._queued(job) for job in jobs]
        new = [job for job, queued in zip(jobs, old, strict=True) if queued is None]
        works = [
            Remote([str(self._program), *job.words], str(log_of(logs, job)), str(Path.cwd()))
            for job in new
        ]
        if new:
            with self._executor.batch():
                submitted = [self._executor.submit(work) for work in works]
            ids = (str(work.job_id) for work in submitted)
            self._submitted.add(dict(zip((job.directory for job in new), ids, strict=True)))
        fresh = iter(submitted if new else ())
        return [
            ClusterProcess(queued or next(fresh), log_of(logs, job), self._cluster)
            for job, queued in zip(jobs, old, strict=True)
        ]

    def _queued(self, job: Job) -> Any:
        """The job of a run that an earlier process of this sweep has left in the queue, if any."""
        number = self._submitted.of(job.directory)
        if self._cluster != "slurm" or number is None:
            return None
        import submitit

        found: Any = submitit.SlurmJob(self._folder, number)
        return None if found.done() else found


class ClusterProcess:
    """A run that is a job of a cluster."""

    def __init__(self, job: Any, log: Path, cluster: str) -> None:
        self._job = job
        self._log = log
        self._cluster = cluster
        self._asked = False

    def poll(self) -> Exited | None:
        """How it ended; None while it waits in the queue or is at work."""
        if not self._job.done():
            return None
        error = self._job.exception()
        if error is None:
            return Exited(int(self._job.result()), last_words_of(self._log))
        if self._asked:
            return Exited(-signal.SIGTERM, "")
        message = (
            f"job {self._job.job_id} failed: {_first_line(error)} (see {self._job.paths.stderr})"
        )
        return Exited(1, message)

    def stop(self) -> None:
        """Ask it to save and stop, or take it out of the queue."""
        if self._asked or self._job.done():
            return
        self._asked = True
        if self._cluster == "slurm":
            # SLURM sends SIGTERM, and SIGKILL only half a minute later.
            self._job.cancel(check=False)
        else:
            os.kill(int(self._job.job_id), signal.SIGTERM)

    def kill(self) -> None:
        """End it at once."""
        self._job.cancel(check=False)


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
