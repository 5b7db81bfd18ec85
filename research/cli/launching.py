"""Launching a run: devices and processes, progress on the terminal, and the report at the end."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from typing import IO, TYPE_CHECKING, Any

from research.cli.commands.report import keep_report
from research.cli.display import Display
from research.cli.tensorboard import with_events
from research.engine.interrupts import SIGNALS, answered
from research.errors import Exit, Stopped
from research.options.assembly import Delivery, Launch, open_run
from research.options.catalog import ROOT
from research.options.command import Context, Outcome
from research.options.pace import Pace, slicing

if TYPE_CHECKING:
    from research.engine.processes import Channel


def settle(pace: Pace) -> Channel | None:
    """Settle devices, and join the other processes where there are any; before JAX starts.

    Returns:
        The way to the other processes; None where this is the only one.

    Raises:
        Mistake: the devices or the processes are not there.
    """
    if pace.coordinator:
        from research.engine.processes import Joining, join

        end_with_parent()
        joining = Joining(pace.coordinator, pace.process_index, pace.process_count)
        return join(joining, pace.devices)
    from research.engine.environment import fix_devices

    fix_devices(pace.devices or 1)
    return None


def delivery(pace: Pace) -> Delivery:
    """How the options have data reach the steps."""
    return Delivery(pace.data, pace.workers, pace.worker_kind)


def launch_run(
    run: Launch,
    pace: Pace,
    context: Context,
    channel: Channel | None,
    before: Callable[[Display], None],
) -> dict[str, Any]:
    """Start or continue a run, with its progress on the terminal and its report: the result.

    `before` is called with the display once the experiment is open, before anything is written.

    Raises:
        EncoreError: as `research.engine.run.launch` does.
    """
    from research.engine.run import launch

    with (
        Display(sys.stderr, context.human) as display,
        with_events(display, wanted=pace.tensorboard) as observer,
        open_run(
            run,
            delivery(pace),
            context.root,
            devices=pace.devices or 1,
            channel=channel,
            note=display.note,
        ) as ready,
    ):
        if context.note:
            display.note(context.note)
        before(display)
        result = launch(
            ready.program,
            run.identity,
            run.directory,
            ready.surroundings,
            slicing(pace, ready.experiment),
            observer,
            inputs=run.inputs,
            files=run.files,
        )
        if not pace.no_report:
            keep_report(result, display.note, context.root)
    return result


def follow_run(run: Launch, pace: Pace, context: Context, channel: Channel) -> Outcome:
    """Compute what the first process sends, until the run is done or stopped; ends as it does.

    A signal to all processes, as Ctrl-C or a cluster sends it, is answered by the first alone: it
    saves, and lets this one go.
    """
    from research.engine.processes import follow

    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    with open_run(run, delivery(pace), context.root, channel=channel) as ready:
        complete = follow(ready.program, channel)
    return Outcome({}, Exit.DONE if complete else Exit.STOPPED)


_LOOK_SECONDS = 0.1
_END_SECONDS = 20.0
"""How long the others may take to end after the first has."""
_SAME_MISTAKE_SECONDS = 5.0
"""How long the first may take to report a mistake that another has found too."""
_PARENT = "ENCORE_PARENT"
"""In the environment of a process that `run_together` starts: whose end is its end."""


def run_together(command: str, tokens: Sequence[str], processes: int) -> int:
    """Start the processes, wait for them, and end all when one dies.

    The first one writes to the terminal; the last line of another is shown where it fails.

    Returns:
        The first one's exit code.

    Raises:
        Stopped: one of them died.
    """
    own = [
        sys.executable, str(ROOT / "launch.py"), command, *without_processes(tokens),
        "--coordinator", f"127.0.0.1:{_free_port()}", "--process-count", str(processes),
    ]  # fmt: skip
    surroundings = os.environ | {_PARENT: str(os.getpid())}
    with ExitStack() as files:
        errors = [files.enter_context(tempfile.TemporaryFile("w+")) for _ in range(1, processes)]
        started = [subprocess.Popen([*own, "--process-index", "0"], env=surroundings)]
        started += [
            subprocess.Popen(
                [*own, "--process-index", str(number)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=file,
                env=surroundings,
            )
            for number, file in enumerate(errors, 1)
        ]
        return _end_together(started, errors)


def _end_together(started: Sequence[subprocess.Popen[Any]], errors: Sequence[IO[str]]) -> int:
    """Wait for the first process, or for one that fails; none is left. Its exit code."""
    processes = len(started)
    try:
        with _passing_on(started[0]):
            died = _first_to_end(started)
        if died == 0:
            code = started[0].returncode
            _wait(started, time.monotonic() + _END_SECONDS)
            if code < 0:
                raise _ended(0, processes, code, "")
            return code
        errors[died - 1].seek(0)
        raise _ended(died, processes, started[died].returncode, errors[died - 1].read())
    finally:
        for process in started:
            if process.poll() is None:
                process.kill()
                process.wait()


def end_with_parent() -> None:
    """Stop this process by SIGTERM where `run_together` started it and is killed."""
    parent = os.environ.get(_PARENT)
    if parent is None:
        return

    def watch() -> None:
        while os.getppid() == int(parent):
            time.sleep(_LOOK_SECONDS)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True, name="end with parent").start()


def without_processes(tokens: Sequence[str]) -> list[str]:
    """The command line without `--processes N`."""
    kept, skip = [], False
    for token in tokens:
        if skip:
            skip = False
        elif token == "--processes":
            skip = True
        elif not token.startswith("--processes="):
            kept.append(token)
    return kept


def _first_to_end(started: Sequence[subprocess.Popen[Any]]) -> int:
    """The number of the process that ended the others' work: the first, or one that failed."""
    while True:
        for number, process in enumerate(started):
            code = process.poll()
            # One that is let go of a stopped run ends so a little before the first does.
            if code is not None and (number == 0 or code not in (Exit.DONE, Exit.STOPPED)):
                if code > 0:
                    # What is wrong for all, the first one reports best.
                    _wait(started[:1], time.monotonic() + _SAME_MISTAKE_SECONDS)
                return number if started[0].poll() is None else 0
        time.sleep(_LOOK_SECONDS)


def _wait(started: Sequence[subprocess.Popen[Any]], until: float) -> None:
    while time.monotonic() < until and any(process.poll() is None for process in started):
        time.sleep(_LOOK_SECONDS)


def _ended(number: int, processes: int, code: int, errors: str) -> Stopped:
    how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
    words = f" ({errors.strip().splitlines()[-1]})" if errors.strip() else ""
    return Stopped(
        f"process {number} of {processes} {how}{words}, and so the others were ended; what was "
        "saved stays, and the same command continues"
    )


def _passing_on(first: subprocess.Popen[Any]) -> AbstractContextManager[None]:
    """Signals to this process go to the first one, which saves and stops.

    Ctrl-C reaches all processes of a terminal by itself.
    """

    def answer(number: int) -> None:
        if number != signal.SIGINT:
            first.terminate()

    return answered(answer, patient=True)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
