"""Workers: what is measured, each in a process of its own, asked for rounds in turn."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
REST_SECONDS = 0.3
"""Between two workers' rounds, so that threads that wait by spinning have gone to sleep."""


class Worker:
    """A process that is ready for rounds; `reason` says why it is not.

    Attributes:
        name: in the table.
        what: what it says of itself.
        first_seconds: what its first step took, compilation included.
        answers: one a round.
        reason: `not installed`, or the error that ended it; "" while all is well.
    """

    def __init__(
        self,
        name: str,
        python: str | None,
        arguments: Sequence[str],
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.answers: list[dict[str, Any]] = []
        self.what, self.first_seconds, self.reason = "", 0.0, ""
        self._process: subprocess.Popen[str] | None = None
        if python is None:
            self.reason = "not installed"
            return
        # What Encore settles for itself is none of another's business.
        settled = {"NPROC", "XLA_FLAGS", "ONEDNN_MAX_CPU_ISA", "OPENBLAS_CORETYPE"}
        inherited = {name: value for name, value in os.environ.items() if name not in settled}
        self._process = subprocess.Popen(
            [python, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**inherited, **(environment or {})},
        )
        answer = self._read()
        if "ready" in answer:
            self.what = str(answer["ready"])
            self.first_seconds = float(answer["first_seconds"])

    @property
    def rates(self) -> list[float]:
        """Items per second, one a round."""
        return [float(answer["rate"]) for answer in self.answers]

    def round(self) -> None:
        """Ask for one round and keep its answer."""
        if self._process is None or self.reason:
            return
        assert self._process.stdin is not None
        self._process.stdin.write("go\n")
        self._process.stdin.flush()
        answer = self._read()
        if not self.reason:
            self.answers.append(answer)

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.terminate()
            self._process.communicate()

    def _read(self) -> dict[str, Any]:
        assert self._process is not None and self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("{"):
                answer: dict[str, Any] = json.loads(line)
                return answer
        error = self._process.communicate()[1].strip().splitlines()
        last = error[-1] if error else f"exit code {self._process.returncode}"
        self.reason = "not installed" if last.startswith("ModuleNotFoundError") else last
        self.answers = []
        return {}


def interleave(workers: Sequence[Worker], rounds: int) -> None:
    """Ask all for so many rounds in turn, and end them.

    Each round begins with another worker, so that none always follows the same one.
    """
    try:
        for number in range(rounds):
            turn = number % len(workers)
            for worker in [*workers[turn:], *workers[:turn]]:
                time.sleep(REST_SECONDS)
                worker.round()
    finally:
        for worker in workers:
            worker.close()
