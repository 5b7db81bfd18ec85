"""Gradients, or derivatives in a direction, per second of Encore's NumPy modes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from benchmarks.peers.gradient_programs import PROGRAMS, Words, arguments, directions
from benchmarks.peers.serving import repeat, serve
from research.autodiff import functions as fn
from research.autodiff.forward import jvp
from research.autodiff.reverse import grad

WORDS: Words = {
    **{name: getattr(fn, name) for name in fn.__all__},
    "relu": lambda x: fn.maximum(x, 0.0),
}


def derivative(program: str, mode: str) -> Callable[[], Any]:
    """What takes one derivative."""
    of, at = PROGRAMS[program]
    if mode == "forward":
        along = directions(at)
        return lambda: jvp(lambda *x: of(WORDS, *x), at, along)[1]
    gradient = grad(lambda *x: of(WORDS, *x), tuple(range(len(at))))
    return lambda: gradient(*at)


def main() -> None:
    """Serve rounds."""
    options = arguments(__doc__ or "")
    take = derivative(options.program, options.mode)
    serve("Encore, NumPy", repeat(take), 1, options.seconds, clock=time.process_time)


if __name__ == "__main__":
    main()
