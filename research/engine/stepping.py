"""Steps made some at a time, and timed: for how many are made next, and on which cores."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from research.engine.advance import Carry
from research.engine.cadence import ChunkSize
from research.engine.cores import Cores
from research.engine.leaves import Reader
from research.engine.program import Program


class Stepper:
    """Makes steps of a program, and waits for them.

    Args:
        program: the compiled experiment.
        reader: the counted way from the device.
        cores: says where steps are computed.
        chunk_seconds: about how long the device is to work before the host looks again.

    Attributes:
        seconds: spent on steps so far, without compilation.
    """

    def __init__(
        self, program: Program, reader: Reader, cores: Cores, chunk_seconds: float
    ) -> None:
        self.seconds = 0.0
        self._program = program
        self._reader = reader
        self._cores = cores
        self._chunk = ChunkSize(chunk_seconds)

    @property
    def chunk(self) -> int:
        """How many steps to make at a time."""
        return self._chunk.steps

    def make(
        self, carry: Carry, arrays: Any, start: int, stop: int, last: int, **how: bool
    ) -> tuple[Carry, int]:
        """Make the steps from `start` to `stop`; the carry given is consumed.

        Args:
            carry: where it stands.
            arrays: what the steps run on.
            start: the first step.
            stop: the step to stop before.
            last: the step up to which more will be made.
            how: `fresh` and `halt`, as `Program.advance` has them.

        Returns:
            The carry, and the step at which a metric was not finite, or -1.
        """
        compiled = self._program.compile_seconds
        began = time.perf_counter()
        with self._cores.computing():
            carry = self._program.advance(carry, arrays, start, stop, **how)
            nonfinite = int(np.max(self._program.read(carry.nonfinite, self._reader)))
        took = time.perf_counter() - began - (self._program.compile_seconds - compiled)
        self.seconds += took
        self._chunk.seen(stop - start, took)
        self._cores.seen(stop - start, took, last - stop)
        return carry, nonfinite
