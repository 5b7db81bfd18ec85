"""CPU cores: steps run on one or on all, whichever is measured to be faster; bits do not change.

A program of many small operations loses more by handing work from core to core than it gains. So
a long run makes some of its steps on one core and some on all, in turn, and goes on as was faster.
Linux only: elsewhere threads cannot be bound to cores, and all are used.
"""

from __future__ import annotations

import contextlib
import os
import socket
import statistics
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Self

SAMPLE_SECONDS = 0.2
"""Steps are timed for so long before the other number of cores has its turn."""
PAIRS = 5
"""Samples of each before one core is chosen."""
MARGIN = 1.05
"""One core must be so many times as fast: less is noise, and evaluation has all cores anyway."""
WORTHWHILE_SECONDS = 10.0
"""What is left of a run must take so long, or nothing is measured."""
_THREADS = Path("/proc/self/task")
_COMPUTES = "tf_XLAEigen"
"""The name of the threads of XLA's CPU pool. They do all that a compiled program does."""


def judge(pairs: Sequence[tuple[float, float]]) -> bool | None:
    """Whether one core is faster, from seconds a step in turn on (all cores, one core).

    Returns:
        None while more pairs are needed. That one core is slower is decided soon, since each try
        costs time; that it is faster only when it was in nearly all of `PAIRS` pairs.
    """
    gains = [everywhere / alone for everywhere, alone in pairs]
    if not gains:
        return None
    middle = statistics.median(gains)
    if len(gains) < PAIRS:
        return False if middle < (0.9 if len(gains) == 1 else 1.0) else None
    return middle >= MARGIN and sum(gain > 1 for gain in gains) >= len(gains) - 1


def computing_threads() -> list[int]:
    """The threads of XLA's CPU pool; none where the system does not list them."""
    found = []
    for number in _all_threads():
        with contextlib.suppress(OSError):  # it has ended
            if (_THREADS / str(number) / "comm").read_text().strip() == _COMPUTES:
                found.append(number)
    return found


class Measure:
    """Steps timed on all cores and on one, in turn, until it is clear which is faster.

    Attributes:
        alone: whether the next steps are to be made on one core.
        verdict: whether one core is faster; None while that is not known.
        pairs: seconds a step (on all cores, on one), of samples that followed one another.
    """

    def __init__(self) -> None:
        self.alone = False
        self.verdict: bool | None = None
        self.pairs: list[tuple[float, float]] = []
        self._steps, self._seconds = 0, 0.0
        self._warm = False
        self._half: float | None = None

    @property
    def gain(self) -> float:
        """How many times as fast one core is."""
        return statistics.median(everywhere / alone for everywhere, alone in self.pairs)

    def add(self, steps: int, seconds: float, left: int) -> None:
        """Add the time of steps that were made.

        `seconds` are without compilation, `left` are the steps still to be made.
        """
        self._steps, self._seconds = self._steps + steps, self._seconds + seconds
        if self.verdict is not None or self._seconds < SAMPLE_SECONDS:
            return
        each, self._steps, self._seconds = self._seconds / self._steps, 0, 0.0
        if not self._warm:
            self._warm = True
            self.verdict = None if left * each >= WORTHWHILE_SECONDS else False
            return
        # All, one; one, all; all, one; ...: so a machine that slows down favours neither.
        if self._half is None:
            self._half, self.alone = each, not self.alone
            return
        self.pairs.append((self._half, each) if self.alone else (each, self._half))
        self._half = None
        self.verdict = judge(self.pairs)


class Cores:
    """Where XLA's threads run while steps are made; a context, after which all is as before.

    `wanted` is how many cores, None for one or all, by measure; only where one CPU device computes
    can one core be faster.
    """

    def __init__(
        self, wanted: int | None, note: Callable[[str], None], *, one_device: bool
    ) -> None:
        self._note = note
        self._wanted = wanted
        self._threads = computing_threads()
        self._allowed = os.sched_getaffinity(0) if self._threads else set()
        self._found: dict[int, set[int]] = {}
        self._claims: dict[int, socket.socket] = {}
        self._own: set[int] = set()
        """The cores of the next steps; empty for all."""
        several = len(self._allowed) > 1
        self._measure = Measure() if wanted is None and one_device and several else None

    @property
    def measuring(self) -> bool:
        """Whether it is still being found out how many are faster."""
        return self._measure is not None

    def __enter__(self) -> Self:
        if self._wanted is not None and self._wanted < len(self._allowed):
            own = self._claim(self._wanted)
            # Others have settled on the rest; as many as were asked for are used all the same.
            own |= set(sorted(self._allowed - own)[: self._wanted - len(own)])
            self._keep_to(own)
        return self

    def __exit__(self, *_: object) -> None:
        if self._found:
            for number in _all_threads():
                _move([number], self._found.get(number, self._allowed))
        self._release()

    @contextlib.contextmanager
    def computing(self) -> Iterator[None]:
        """Steps are made within; what comes between them, evaluations, has all cores."""
        if not self._own:
            yield
            return
        _move(self._threads, self._own)
        try:
            yield
        finally:
            _move(self._threads, self._allowed)

    def add(self, steps: int, seconds: float, left: int) -> None:
        """As `Measure.add`; decides where the next steps are made."""
        measure = self._measure
        if measure is None:
            return
        measure.add(steps, seconds, left)
        if measure.alone and not self._claims and not self._claim(1):
            self._measure = None  # other runs have settled on each core
        elif measure.verdict is None:
            self._own = set(self._claims) if measure.alone else set()
        else:
            self._measure, self._own = None, set()
            if measure.verdict:
                self._note(f"one core is faster here: {measure.gain:.2f} ×")
                self._keep_to(set(self._claims))
            else:
                self._release()

    def _claim(self, count: int) -> set[int]:
        """At most so many cores that no other run has settled on; they are this one's until then.

        Each is a name in Linux's abstract namespace, which the kernel gives back however a process
        ends.
        """
        for core in sorted(self._allowed, reverse=True):
            if len(self._claims) == count:
                break
            name = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            try:
                name.bind(f"\0encore-core-{core}")
                self._claims[core] = name
            except OSError:
                name.close()
        return set(self._claims)

    def _release(self) -> None:
        while self._claims:
            self._claims.popitem()[1].close()

    def _keep_to(self, own: set[int]) -> None:
        """Compute on these cores; what is beside it, savers and readers, goes to the others."""
        self._own = own
        for number in _all_threads():
            if number not in self._threads:
                with contextlib.suppress(OSError):
                    self._found[number] = os.sched_getaffinity(number)
                _move([number], self._allowed - own)


def _all_threads() -> list[int]:
    try:
        return [int(path.name) for path in _THREADS.iterdir()]
    except OSError:
        return []


def _move(threads: Sequence[int], cores: set[int]) -> None:
    for number in threads:
        with contextlib.suppress(OSError):  # it has ended, or a sandbox forbids it
            os.sched_setaffinity(number, cores)
