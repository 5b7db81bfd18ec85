"""Gradients, or derivatives in a direction, per second of HIPS autograd."""

from __future__ import annotations

import time
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import autograd.numpy as anp
from autograd import grad, make_jvp
from gradient_programs import PROGRAMS, arguments, directions
from serving import repeat, serve

NAMES = ("exp", "log", "sum", "tanh", "reshape", "transpose", "stack")
WORDS = {name: getattr(anp, name) for name in NAMES}


def derivative(program: str, mode: str) -> Callable[[], Any]:
    """What takes one derivative."""
    of, at = PROGRAMS[program]
    if mode == "forward":
        along = directions(at)
        take = make_jvp(lambda inputs: of(WORDS, *inputs))(at)
        return lambda: take(along)[1]
    gradient = grad(lambda *x: of(WORDS, *x), tuple(range(len(at))))
    return lambda: gradient(*at)


def main() -> None:
    """Serve rounds."""
    options = arguments(__doc__ or "")
    take = derivative(options.program, options.mode)
    serve(
        f"autograd {version('autograd')}", repeat(take), 1, options.seconds, clock=time.process_time
    )


if __name__ == "__main__":
    main()
