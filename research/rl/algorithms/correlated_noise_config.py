"""What can be chosen of noise that is correlated in time, beside what an algorithm has.

Apart from `OffPolicyConfig`: another field there would make every run that is recorded another run.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from research.options.ranges import FRACTION, out_of_range


@dataclass(frozen=True)
class CorrelatedNoiseConfig:
    """What can be chosen of the noise."""

    noise_correlation: Annotated[float, "of the noise of one step with that of the next"] = 0.9


def problems_of_noise(config: CorrelatedNoiseConfig) -> list[str]:
    """What is out of range, a message each."""
    return out_of_range(config, {"noise_correlation": FRACTION})
