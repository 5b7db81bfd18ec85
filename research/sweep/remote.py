"""A run in a process of its own, here or on a node of a cluster.

Only the standard library is imported here, and this module is sent to a node by value: a job needs
nothing on its path to begin.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

SAVE_SECONDS = 60.0
"""How long a run that is stopped may take to save."""

# On Linux the kernel stops the run when its parent dies, even by kill -9: no orphan is
# left to hold the run. SLURM's warning signal would end Python at once, and is for the parent.
_BOUND = """
import os, signal, sys
signal.signal(signal.SIGUSR2, signal.SIG_IGN)
if sys.platform == "linux":
    import ctypes
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


def spawn(
    command: Sequence[str], log: Path, environment: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """Start `python COMMAND`; its output goes to `LOG.out`, its text to `LOG.err`.

    It is in a session of its own, so that Ctrl-C in a terminal reaches the sweep alone, which then
    stops its runs in good order.
    """
    with log.with_suffix(".out").open("wb") as out, log.with_suffix(".err").open("wb") as err:
        return subprocess.Popen(
            [sys.executable, "-c", _BOUND, *command],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            start_new_session=True,
            env=None if environment is None else dict(environment),
        )


def _wait_until_ended(process: int) -> None:
    """Wait for a child to end, at most as long as saving may take, and leave it to be reaped.

    This is called in a signal's handler, which may have come upon `Popen.wait` holding its lock:
    the methods of Popen would wait for that in vain.
    """
    deadline = time.monotonic() + SAVE_SECONDS
    try:
        while os.waitid(os.P_PID, process, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            if time.monotonic() > deadline:
                return
            time.sleep(0.1)
    except ChildProcessError:
        return


class Remote:
    """A job as submitit runs it on a node: calling it runs the command, and gives its exit code.

    `log` is the beginning of the names of its two log files.
    """

    def __init__(self, command: Sequence[str], log: str, directory: str) -> None:
        self.command = tuple(command)
        self.log = log
        self.directory = directory
        self._process: Any = None

    def __call__(self) -> int:
        """Run it to its end; SIGTERM is passed on, and the run saves and stops."""
        os.chdir(self.directory)
        signal.signal(signal.SIGTERM, self._stop)
        self._process = spawn(self.command, Path(self.log))
        return int(self._process.wait())

    def checkpoint(self, *args: Any, **kwargs: Any) -> Any:
        """Before a time limit or a preemption: let the run save, and queue the job again."""
        from submitit.helpers import DelayedSubmission

        if self._process is not None:
            self._process.terminate()
            _wait_until_ended(self._process.pid)
        return DelayedSubmission(Remote(self.command, self.log, self.directory))

    def _stop(self, number: int, frame: FrameType | None) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
