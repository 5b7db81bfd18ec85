"""An epoch in little memory: `memory_run.py PLACEMENT KIND MIB GIB WINDOW`, one JSON value last.

Streams a set of so many GiB, made as it is read, with a limit of so many MiB on what this process
may use beyond what it has once it is warm. The value has the resident size in MiB, the median of
the epoch's second quarter and of its last, and the sum of all pixels with what it should be.
PLACEMENT is `streamed`, `resident`, or `leaking`: streamed, and a tenth of it all is never let go.
"""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from research.data.feed import open_feed
from research.data.order import shuffled_rows
from research.engine.experiment import Data
from tests.data.stream_functions import SIDE, Made

MIB = 2**20
BATCH = 32


def memory(what: str) -> float:
    """A line of this process's status, in MiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith(f"{what}:"))
    return int(line.split()[1]) / 1024


def main(placement: str, kind: str, allowed: float, gib: float, window: int) -> None:
    examples = int(gib * 2**30) // SIDE**2 // BATCH * BATCH
    steps = examples // BATCH
    made = Made(examples)
    leaks, kept = placement == "leaking", []
    placement = "streamed" if leaks else placement
    content = Data({"train": made}, shuffled_rows(examples, BATCH))
    with open_feed(content, placement, window_steps=window, worker_kind=kind) as feed:  # type: ignore[arg-type]

        @jax.jit
        def total(arrays: object, start: int, stop: int) -> jax.Array:
            def one(step: jax.Array, found: jax.Array) -> jax.Array:
                image = feed.batch(arrays, jnp.uint32(0), step)["image"]
                return found + image[:, 0, 0].astype(jnp.uint32).sum()

            return jax.lax.fori_loop(start, stop, one, jnp.uint32(0))

        found = 0
        sizes: list[float] = []

        def run(until: int) -> None:
            nonlocal found
            found = 0
            sizes.clear()
            for part in feed.windows(0, 0, until):
                found += int(total(part.arrays, part.start, part.stop))
                if leaks:
                    kept.append(np.ones((part.stop - part.start) * BATCH * SIDE**2 // 10, np.uint8))
                sizes.append(memory("VmRSS"))

        if placement == "streamed":
            run(20 * window)
        limit = int(memory("VmData") * MIB + allowed * MIB)
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
        run(steps)
    quarter = len(sizes) // 4
    answer = {
        "second": float(np.median(sizes[quarter : 2 * quarter])) if quarter else 0,
        "last": float(np.median(sizes[-quarter:])) if quarter else 0,
        "found": found,
        "expected": int((np.arange(examples) % 251).sum()),
    }
    print(json.dumps(answer))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]), float(sys.argv[4]), int(sys.argv[5]))
