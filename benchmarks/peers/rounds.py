"""What every peer speaks: one line when ready, then one line for each round that it is asked for.

This file needs the standard library only, so that it runs in any peer's environment.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable

WARM_UP = 3


def arguments(description: str) -> argparse.Namespace:
    """`--batch`, images in a step, and `--seconds`, about the length of a round."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--batch", type=int, default=32, help="images in one step")
    parser.add_argument("--seconds", type=float, default=2.0, help="about the length of a round")
    parser.add_argument("--rounds", type=int, help="time so many at once, unasked, and leave")
    return parser.parse_args()


def serve(options: argparse.Namespace, what: str, run: Callable[[int], None]) -> None:
    """Time rounds of `run(steps)`, which returns when the steps are done.

    Prints `{"ready": WHAT, "first_seconds": ...}`, where the first call holds compilation, and
    then `{"images_per_second": ...}` for each line read from the standard input.
    """
    began = time.perf_counter()
    run(1)
    first = time.perf_counter() - began
    run(WARM_UP)
    began = time.perf_counter()
    run(WARM_UP)
    steps = max(2, round(options.seconds * WARM_UP / (time.perf_counter() - began)))
    print(json.dumps({"ready": what, "first_seconds": first}), flush=True)
    asked = sys.stdin if options.rounds is None else range(options.rounds)
    for _ in asked:
        began = time.perf_counter()
        run(steps)
        rate = steps * options.batch / (time.perf_counter() - began)
        print(json.dumps({"images_per_second": rate}), flush=True)
