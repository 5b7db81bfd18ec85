"""What can be chosen of proximal policy optimisation that is curious."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated

from research.engine.experiment import Experiment
from research.engine.hyperparameters import floats
from research.options.ranges import AMOUNT, COUNT, POSITIVE, Range, out_of_range
from research.rl.algorithms import ppo_config
from research.rl.algorithms.curious_ppo import make_curious_ppo
from research.rl.algorithms.ppo_config import PPOConfig, sizes_of
from research.rl.environments.registered import make_environment


@dataclass(frozen=True)
class CuriousPPOConfig(PPOConfig):
    """What can be chosen: of the layers, the predictor of the random network has two more."""

    random_features: Annotated[int, "numbers the random network makes of an observation"] = 64
    warmup_steps: Annotated[int, "random steps by which the two networks' input is scaled"] = 128
    predictor_learning_rate: Annotated[float, "step size of what learns to predict"] = 1e-4
    extrinsic_weight: Annotated[float, "weight of the advantage in rewards"] = 2.0
    intrinsic_weight: Annotated[float, "weight of the advantage in what is new"] = 1.0
    intrinsic_discount: Annotated[float, "weight of what is new in the next step"] = 0.99


def validate(config: CuriousPPOConfig) -> list[str]:
    """What is out of range, a message each."""
    ranges = {
        "random_features": COUNT,
        "warmup_steps": COUNT,
        "predictor_learning_rate": POSITIVE,
        "extrinsic_weight": AMOUNT,
        "intrinsic_weight": AMOUNT,
        "intrinsic_discount": Range(0, 1),
    }
    problems = ppo_config.validate(config) + out_of_range(config, ranges)
    if not problems and config.extrinsic_weight == config.intrinsic_weight == 0:
        problems.append(
            "--extrinsic-weight and --intrinsic-weight are both 0: there is nothing to learn from"
        )
    return problems


def smoke(config: CuriousPPOConfig) -> CuriousPPOConfig:
    """Thirty small updates."""
    return replace(ppo_config.smoke(config), random_features=8, warmup_steps=8)


def make(config: CuriousPPOConfig) -> Experiment:
    """Curious PPO in the chosen environment."""
    return make_curious_ppo(
        make_environment(config.environment),
        sizes_of(config),
        config.random_features,
        config.warmup_steps,
        floats(config),
    )
