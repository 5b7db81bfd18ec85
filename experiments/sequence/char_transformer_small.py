"""A small transformer learns which character comes next, in two thousand updates.

Four blocks of width 128 with rotary positions, upper case and lower: about the smaller of the two
nets of the nanoGPT repository, which trains on `--text tiny_shakespeare`, as many updates.

Run: python launch.py run sequence/char_transformer_small
Expected: with --text tiny_shakespeare validation loss 1.551 over 3 seeds (nanoGPT: 1.88)
Time: 40 s
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from research.sequence.characters.transformer_config import TransformerConfig, make, smoke, validate

__all__ = ["Config", "make", "smoke", "validate"]


@dataclass(frozen=True)
class Config(TransformerConfig):
    """What can be chosen."""

    batch_size: Annotated[int, "windows in one update"] = 12
    window: Annotated[int, "characters in a window, all that is seen"] = 64
