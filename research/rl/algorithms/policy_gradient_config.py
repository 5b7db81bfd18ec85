"""What can be chosen of every algorithm that follows the gradient of its policy's return."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from research.options.ranges import AMOUNT, COUNT, DEPTH, POSITIVE, Range, out_of_range, undivided
from research.rl.environments.registered import unfit


@dataclass(frozen=True)
class PolicyGradientConfig:
    """What they share."""

    environment: Annotated[str, "where; actions are numbers or vectors"] = "CartPole-v1"
    environments: Annotated[int, "environments stepped together"] = 8
    groups: Annotated[int, "equal parts of the environments, which devices can share"] = 1
    units: Annotated[int, "units of each hidden layer"] = 64
    layers: Annotated[int, "hidden layers of the policy, and of the value function"] = 2
    channels: Annotated[int, "of a 3 x 3 convolution before them, for images; 0 for none"] = 0
    evaluation_episodes: Annotated[int, "episodes of either kind in one evaluation"] = 64
    learning_rate: Annotated[float, "the optimiser's step size at the start"] = 1e-3
    discount: Annotated[float, "weight of the next step's value"] = 0.99
    value_weight: Annotated[float, "weight of the value function's squared error"] = 0.5
    max_gradient_norm: Annotated[float, "global norm that gradients are clipped to"] = 0.5


SHARED_RANGES = {
    "environments": COUNT,
    "groups": COUNT,
    "units": COUNT,
    "layers": DEPTH,
    "channels": AMOUNT,
    "evaluation_episodes": COUNT,
    "learning_rate": POSITIVE,
    "discount": Range(0, 1),
    "value_weight": Range(0),
    "max_gradient_norm": POSITIVE,
}
"""Field -> which of its values are in range."""


def problems_of(config: PolicyGradientConfig, ranges: dict[str, Range], *divided: str) -> list[str]:
    """What is out of range, or does not divide into the groups, a message each.

    Args:
        config: what was chosen.
        ranges: of the fields that an algorithm adds.
        divided: fields, beside `environments`, that must divide into the groups.
    """
    problems = out_of_range(config, SHARED_RANGES | ranges)
    problems += unfit(config.environment, image=config.channels > 0 or None)
    return problems + undivided("groups", config, "environments", *divided)
