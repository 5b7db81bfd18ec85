"""Gradients per second of micrograd, whose values are numbers."""

from __future__ import annotations

import time
from collections.abc import Callable
from importlib.metadata import version

from gradient_programs import PROGRAMS, arguments
from micrograd.engine import Value
from serving import repeat, serve

WORDS = {"relu": lambda x: x.relu()}


def derivative(program: str) -> Callable[[], list[float]]:
    """What takes one gradient."""
    of, at = PROGRAMS[program]

    def take() -> list[float]:
        inputs = [Value(x) for x in at]
        of(WORDS, *inputs).backward()
        return [each.grad for each in inputs]

    return take


def main() -> None:
    """Serve rounds."""
    options = arguments(__doc__ or "")
    take = derivative(options.program)
    serve(
        f"micrograd {version('micrograd')}",
        repeat(take),
        1,
        options.seconds,
        clock=time.process_time,
    )


if __name__ == "__main__":
    main()
