"""How long a call takes: the shortest of several samples, each of enough calls to be measured."""

from __future__ import annotations

import time
from collections.abc import Callable


def shortest_seconds(
    call: Callable[[], object],
    samples: int = 5,
    measurable: float = 0.02,
    clock: Callable[[], float] = time.perf_counter,
) -> float:
    """Seconds that one call takes where nothing disturbs it.

    The number of calls in a sample is doubled until it takes a measurable time. What else the
    machine does makes a sample longer and never shorter, so the shortest is the best of them.

    Args:
        call: what is timed; it is called once before, so that nothing is compiled or cached then.
        samples: how many are taken, the one that was long enough included.
        measurable: seconds that a sample takes at least.
        clock: gives seconds.

    Source: Srajer, Kukelova and Fitzgibbon 2018, A benchmark of selected algorithmic
        differentiation tools (ADBench), section 3.
    """
    call()

    def sample(repeats: int) -> float:
        began = clock()
        for _ in range(repeats):
            call()
        return clock() - began

    repeats = 1
    while (taken := sample(repeats)) < measurable:
        repeats *= 2
    return min(taken, *(sample(repeats) for _ in range(samples - 1))) / repeats
