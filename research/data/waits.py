"""What the loop waited for while data was streamed to it, stage by stage."""

from __future__ import annotations

import os

from research.engine.waiting import FIRST, Waiting


class Waits:
    """Adds up what windows were waited for.

    The stages are `read` (from files), `map` (functions on the host), `device` (the copy to it),
    and `first`, all of a window that nothing could be read ahead of.

    `workers` read, in processes of their own or in threads.
    """

    def __init__(self, workers: int, *, processes: bool) -> None:
        self._seconds = dict.fromkeys(("read", "map", "device", FIRST), 0.0)
        self._steps = 0
        self._workers = workers
        self._processes = processes

    def add_first(self, seconds: float) -> None:
        """Add the wait for a window that was not begun before it was asked for."""
        self._seconds[FIRST] += seconds

    def add(self, steps: int, examples: float, device: float, read: float, mapped: float) -> None:
        """Add the wait for a window of so many steps.

        Args:
            steps: of the window.
            examples: seconds waited for its examples.
            device: seconds waited after that for the copy.
            read: seconds that workers spent on reading them, all together.
            mapped: seconds that they spent in functions on the host. What was waited for examples
                is divided in the same proportion.
        """
        part = mapped / (read + mapped) if mapped else 0.0
        self._seconds["read"] += examples * (1 - part)
        self._seconds["map"] += examples * part
        self._seconds["device"] += device
        if examples + device >= _NOTICEABLE_SECONDS * steps:
            self._steps += steps

    def read(self) -> Waiting:
        """All so far."""
        return Waiting(dict(self._seconds), self._steps, self._remedies())

    def _remedies(self) -> dict[str, str]:
        if self._workers < _cores():
            more = f"more workers may help (--workers {2 * max(1, self._workers)})"
        else:
            more = "there are as many workers as cores, so that more may not help"
        own = (
            "where it is written in Python, --worker-kind processes lets several run at once"
            if not self._processes
            else more
        )
        return {
            "read": f"reading is slow: {more}, and so may faster storage",
            "map": f"the function on the host is slow: {own}; or prepare the data once, and train "
            "on what was made",
            "device": "the copy to the device is slow: send small numbers (pixels as uint8, made "
            "floats inside the model), or use --data resident if there is room",
            FIRST: "nothing can be read ahead of a first window",
        }


def _cores() -> int:
    """Cores that this process may use; all where the system does not say."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


_NOTICEABLE_SECONDS = 1e-4
"""A step waited if its share of its window's wait was so long: less is the switch of threads."""
