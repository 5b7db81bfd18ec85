"""What a worker speaks: one line when ready, then one for each round that it is asked for.

This file needs the standard library only, so that it runs in any peer's environment.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from typing import Any

WARM_UP_SECONDS = 1.0


def serve_rounds(what: str, first_seconds: float, one_round: Callable[[], dict[str, Any]]) -> None:
    """Answer each line of the standard input with what a round gives, as JSON.

    Args:
        what: name and version of what is measured.
        first_seconds: what the first step took, compilation included.
        one_round: measures; its answer holds `rate`, items per second.
    """
    print(json.dumps({"ready": what, "first_seconds": first_seconds}), flush=True)
    for _ in sys.stdin:
        print(json.dumps(one_round()), flush=True)


def serve(
    what: str,
    run: Callable[[int], None],
    items_per_step: int,
    seconds: float,
    first: float | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> None:
    """Serve rounds of `run(steps)`, which returns when the steps are done.

    Args:
        what: as `serve_rounds`.
        run: makes so many steps more.
        items_per_step: what the rate counts.
        seconds: about the length of a round.
        first: what the first step took, where it has been made.
        clock: by which it is timed: the wall's, or `time.process_time`, the processor's.
    """
    if first is None:
        began = clock()
        run(1)
        first = clock() - began
    steps, took = 1, 0.0
    while took < WARM_UP_SECONDS:
        steps *= 2
        began = clock()
        run(steps)
        took = clock() - began
    steps = max(1, round(seconds * steps / took))

    def one_round() -> dict[str, Any]:
        began = clock()
        run(steps)
        return {"rate": steps * items_per_step / (clock() - began)}

    serve_rounds(what, first, one_round)


def repeat(step: Callable[[], Any]) -> Callable[[int], None]:
    """`run`, as `serve` takes it, of what makes one step."""

    def run(steps: int) -> None:
        for _ in range(steps):
            step()

    return run


def image_arguments(description: str) -> argparse.ArgumentParser:
    """What the image nets are told: `--batch`, images in a step, and `--seconds` of a round."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--batch", type=int, default=32, help="images in one step")
    parser.add_argument("--seconds", type=float, default=2.0, help="about the length of a round")
    return parser


def generative_arguments(description: str) -> argparse.ArgumentParser:
    """As `image_arguments`, and which net."""
    parser = image_arguments(description)
    parser.add_argument("--net", choices=("stacked", "vae", "dcgan", "ddpm", "sampling"))
    return parser


def sequence_arguments(description: str) -> argparse.ArgumentParser:
    """What the sequence nets are told: which net, whether it writes, and `--seconds` of a round."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--net", choices=("characters", "rnn", "lstm", "transformer"))
    parser.add_argument("--writing", action="store_true", help="let it write instead of train it")
    parser.add_argument("--seconds", type=float, default=2.0, help="about the length of a round")
    return parser
