"""The toy, whose run is deleted while it is at work: `python deleted_run.py WHAT DIRECTORY`.

Once for each place of the engine that uses the run's directory. Prints a JSON line each: the place,
and how the run ended. A process of its own: what Orbax was at complains on standard error.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from research.engine.environment import settle_environment

settle_environment()
os.environ.setdefault("JAX_PLATFORMS", "cpu")

from research.engine import checkpoint  # noqa: E402
from research.engine.checkpoint import Retention  # noqa: E402
from research.engine.loop import Cadence  # noqa: E402
from research.engine.program import Program  # noqa: E402
from tests.engine.toy import ToyFeed, make_toy, run_toy  # noqa: E402

ENGINE = str(Path(checkpoint.__file__).parent)
RUN = Path("run")
"""By a path from here, as on the command line."""
CALLS = (
    "listdir", "mkdir", "open", "remove", "rename", "replace", "rmdir", "scandir", "stat",
    "truncate", "unlink",
)  # fmt: skip


def everything(run: Path) -> None:
    while run.exists():  # the saver may be making files in it
        shutil.rmtree(run, ignore_errors=True)


def content(run: Path) -> None:
    """As removing a folder does, which itself goes last."""
    for place in run.iterdir():
        everything(place) if place.is_dir() else place.unlink()


def checkpoints(run: Path) -> None:
    everything(run / "checkpoints")


DELETE = {"everything": everything, "content": content, "checkpoints": checkpoints}


class Places:
    """The calls to the system by which a run uses its directory, by the lines that make them.

    Args:
        act: is done when such lines are reached for the first time, before the call.
    """

    def __init__(self, act: Callable[[list[str]], None]) -> None:
        self.found: list[list[str]] = []
        self._act = act
        self._run = str(RUN.absolute())
        self._own = threading.local()

    def watched(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def watched(path: Any, *arguments: Any, **named: Any) -> Any:
            if not getattr(self._own, "busy", False):
                self._own.busy = True
                try:
                    self._note(call.__name__, path, named)
                finally:
                    self._own.busy = False
            return call(path, *arguments, **named)

        return watched

    def _note(self, call: str, path: Any, named: dict[str, Any]) -> None:
        if isinstance(path, int) or named.get("dir_fd") is not None:
            return
        if not str(Path(path).absolute()).startswith(self._run):
            return
        place, frame = [call], sys._getframe()
        while frame := frame.f_back:  # type: ignore[assignment]
            if frame.f_code.co_filename.startswith(ENGINE):
                place.append(f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}")
        if len(place) > 1 and place not in self.found:
            self.found.append(place)
            self._act(place)


def run_at(program: Program, act: Callable[[list[str]], None]) -> list[list[str]]:
    """A run, and the places that it came by."""
    places = Places(act)
    kept = [(module, name, getattr(module, name)) for module, name in WATCHED]
    for module, name, call in kept:
        setattr(module, name, places.watched(call))
    try:
        run_toy(RUN, program, cadence=Cadence(30, 60, 30), retention=Retention(last=1))
    finally:
        for module, name, call in kept:
            setattr(module, name, call)
    return places.found


WATCHED = [*((os, name) for name in CALLS), (io, "open")]


def main(what: str) -> None:
    program = Program(make_toy(), ToyFeed())
    for wanted in run_at(program, lambda _: None):
        everything(RUN)

        def act(place: list[str], wanted: list[str] = wanted) -> None:
            if place == wanted and RUN.exists():
                DELETE[what](RUN)

        end = ["", ""]
        try:
            run_at(program, act)
        except Exception as error:
            end = [type(error).__name__, str(error)]
        ledger = (RUN / "ledger.jsonl").exists()
        print(json.dumps({"place": wanted, "end": end, "ledger": ledger}), flush=True)


if __name__ == "__main__":
    os.chdir(sys.argv[2])
    main(sys.argv[1])
