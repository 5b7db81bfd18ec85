"""Seconds until training goes on in the middle of an epoch of a thousand million records.

The records are simulated: each is made from its number when it is read, as a file by its index
would be. The order, the workers and the windows are those of any other run.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np

from benchmarks.peers.loading import SEED, memory
from benchmarks.peers.serving import serve_rounds
from research.engine.environment import settle_environment

RECORDS = 10**9
BATCH = 128


class Numbered:
    """Records that are their own numbers."""

    name = "numbers"

    def __len__(self) -> int:
        return RECORDS

    def read(self, index: np.ndarray) -> dict[str, np.ndarray]:
        """Those at `index`."""
        return {"number": np.asarray(index, np.int32)}

    def load(self) -> dict[str, np.ndarray]:
        """Never needed."""
        raise NotImplementedError

    def digest(self) -> str:
        """What they are."""
        return "numbers"


def main() -> None:
    """Serve rounds."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    settle_environment()

    import jax

    from research.data.feed import open_feed
    from research.data.order import shuffled_rows
    from research.engine import compilation_cache
    from research.engine.experiment import Data

    compilation_cache.enable(print)
    rows = shuffled_rows(RECORDS, BATCH)

    def resume(step: int) -> tuple[float, np.ndarray]:
        began = time.perf_counter()
        with open_feed(Data({"train": Numbered()}, rows), "streamed") as feed:
            window = next(iter(feed.windows(SEED, step, step + 16)))
            numbers = np.asarray(window.arrays["batches"]["number"])
        return time.perf_counter() - began, numbers[step % 16]

    def one_round() -> dict[str, Any]:
        before = memory()
        took, numbers = resume(RECORDS // BATCH // 2)
        return {
            "rate": 1.0 / took,
            "resume": took,
            "grown": memory() - before,
            "first": int(numbers[0]),
        }

    first, _ = resume(0)
    serve_rounds(f"Encore, JAX {jax.__version__}", first, one_round)


if __name__ == "__main__":
    main()
