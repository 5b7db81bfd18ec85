"""ADBench's LSTM: the gradient of a recurrent net with diagonal weights, by hand and by every mode.

Two layers predict 200 random characters of 14 bits; ADBench has 1,024 and 4,096 (`--characters`),
the first of a text and each of its parameters and states between 0 and 1. The gradient by 266
parameters that was written by hand is beside reverse mode, `jax.grad` through a scan, forward mode
and central differences, the last two for 16 of the parameters, as each takes a pass.
`.../different` counts errors above ADBench's 1e-8, |x - y| / max(1, |x| + |y|), of differences
above 1e-6; `.../operations` are those of the gradient over the function's. The report has times,
too.

    python launch.py run autodiff/adbench_lstm --file lstm_l2_c1024.txt  # a file of ADBench's

Run: python launch.py run autodiff/adbench_lstm
Expected: different 0 by every way; operations by_hand 2.46, reverse 2.87
Time: 15 s
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, Self

import jax
import jax.numpy as jnp
import numpy as np

from research.autodiff.adbench.characters import (
    Text,
    gradient_by_hand,
    loss,
    loss_in_jax,
    read_text,
)
from research.autodiff.adbench.study import ADBenchStudy, Way, gradient_ways
from research.engine.experiment import Key
from research.options.ranges import COUNT, DEPTH, Range

PRINTABLE = (32, 127)
"""Codes of the characters that are drawn."""
CODE_BITS = 7
"""Bits of such a code; others are 0, as most are in a text with a few long codes."""


@dataclass(frozen=True)
class ADBenchLSTM(ADBenchStudy):
    """Options."""

    layers: Annotated[int, "of the net", DEPTH] = 2
    characters: Annotated[int, "of the text", Range(2)] = 200
    bits: Annotated[int, "of a character", Range(CODE_BITS, 31)] = 14
    entries: Annotated[int, "parameters for forward mode and differences", COUNT] = 16

    def small(self) -> Self:
        """Few characters."""
        return replace(self, layers=1, characters=6, bits=7)

    def draw(self, key: Key) -> dict[str, jax.Array]:
        """Parameters and states between 0 and 1, and random characters."""
        keys, shape = jax.random.split(key, 4), (self.layers, 2)
        codes = jax.random.randint(keys[3], (self.characters, 1), *PRINTABLE)
        return {
            "main": jax.random.uniform(keys[0], (*shape, 4, self.bits)),
            "extra": jax.random.uniform(keys[1], (3, self.bits)),
            "state": jax.random.uniform(keys[2], (*shape, self.bits)),
            "bits": (codes >> jnp.arange(self.bits)[::-1]) & 1,
        }

    def read(self) -> Text:
        """The file."""
        return read_text(self.file)

    def ways(self, drawn: Any) -> Mapping[str, Way]:
        """By all parameters."""
        text = (
            self.read()
            if self.file
            else Text(**{name: np.asarray(each, float) for name, each in drawn.items()})
        )
        return gradient_ways(
            lambda x: loss(x, text),
            lambda x: gradient_by_hand(x, text),
            lambda x: loss_in_jax(x, text),
            text.params,
            self.entries,
        )


config = ADBenchLSTM()
