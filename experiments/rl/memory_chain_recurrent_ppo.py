"""x

Run: x
Expected: x
Time: x
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from research.rl.algorithms.recurrent_ppo_config import RecurrentPPOConfig, make, smoke, validate

__all__ = ["Config", "make", "smoke", "validate"]


@dataclass(frozen=True)
class Config(RecurrentPPOConfig):
    """What can be chosen."""

    environment: Annotated[str, "where; actions are numbers or vectors"] = "MemoryChain-bsuite"
