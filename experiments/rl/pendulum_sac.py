"""draft

Run: python launch.py run rl/pendulum_sac
Expected: evaluation episode_return about -150 (rl-baselines3-zoo)
Time: 60 s
"""

from __future__ import annotations

from dataclasses import dataclass

from research.rl.algorithms.sac_config import SACConfig, make, smoke, validate

__all__ = ["Config", "make", "smoke", "validate"]


@dataclass(frozen=True)
class Config(SACConfig):
    """What can be chosen."""
