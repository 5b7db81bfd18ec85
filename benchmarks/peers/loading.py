"""What a worker that loads data speaks: records per second, memory, and how soon a batch is there.

This file needs the standard library only, so that it runs in any peer's environment.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

if __package__:
    from benchmarks.peers.serving import serve_rounds
else:
    from serving import serve_rounds  # type: ignore[no-redef]

SEED = 1
BUFFER = 10_000
"""Of shuffle buffers, where a loader has one."""
LONGEST = 1700
"""Bytes that texts are padded to."""
SIDE = 192
"""Height and width of JPEG files, in pixels."""


def files_in(folder: Path, pattern: str) -> list[str]:
    """The paths that a pattern finds, sorted."""
    return sorted(map(str, folder.glob(pattern)))


def arguments(description: str | None) -> argparse.ArgumentParser:
    """What each loader gets: what to load, from where, and how long a round is."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("part", help="what is loaded")
    parser.add_argument("folder", type=Path, help="where its files are")
    parser.add_argument("--records", type=int, default=0, help="how many records there are")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--seconds", type=float, default=1.0, help="of a round")
    return parser


def serve_loader(
    what: str,
    begin: Callable[[], Iterator[int]],
    resume: Callable[[], Iterator[int]] | None,
    seconds: float,
) -> None:
    """Serve rounds of loading.

    Args:
        what: name and version.
        begin: opens everything, and gives for each batch, or several, how many records it has.
        resume: the same, from the middle of an epoch on; None where that cannot be.
        seconds: of a round.
    """
    signal.signal(signal.SIGTERM, lambda *ignored: _end())
    first = _first(begin)
    # What is read, imported or compiled once is there now.
    again = _first(begin)
    resumed = _first(resume) if resume is not None else None
    batches = begin()
    for _ in itertools.islice(batches, 8):
        pass

    def one_round() -> dict[str, Any]:
        family = _family()
        began, worked, count, took = time.perf_counter(), processor_seconds(family), 0, 0.0
        while took < seconds:
            count += next(batches)
            took = time.perf_counter() - began
        spent = 1e6 * (processor_seconds(family) - worked) / count
        answer = {"rate": count / took, "microseconds": spent, "memory": memory()}
        return answer | {"again": again, "resume": resumed}

    serve_rounds(what, first, one_round)


def _end() -> None:
    """End this process and the workers that it may have left, who hold its pipes open."""
    for process in _family()[1:]:
        with contextlib.suppress(OSError):
            os.kill(process, signal.SIGKILL)
    os._exit(0)


def _first(opened: Callable[[], Iterator[int]]) -> float:
    """Seconds until the first batch is there."""
    began = time.perf_counter()
    batches = opened()
    next(batches)
    took = time.perf_counter() - began
    if hasattr(batches, "close"):
        batches.close()
    return took


def memory() -> int:
    """Bytes that this process and those below it hold, shared ones divided between them (Linux)."""
    total = 0
    for process in _family():
        with contextlib.suppress(OSError):
            rolled = Path(f"/proc/{process}/smaps_rollup").read_text()
            total += 1024 * int(rolled.partition("\nPss:")[2].split()[0])
    return total


def processor_seconds(processes: list[int]) -> float:
    """What processes have had of the processors (Linux)."""
    ticks = 0
    for process in processes:
        with contextlib.suppress(OSError):
            ticks += sum(map(int, _facts(process)[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


def _family() -> list[int]:
    """This process and those below it."""
    below: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            below.setdefault(int(_facts(int(entry.name))[1]), []).append(int(entry.name))
    found = [os.getpid()]
    for process in found:
        found += below.get(process, [])
    return found


def _facts(process: int) -> list[str]:
    """What Linux knows of a process, from its third fact on."""
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
