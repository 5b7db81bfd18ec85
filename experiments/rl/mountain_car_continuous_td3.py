"""TD3 drives a weak car out of a valley: force costs its square, and the hill pays 100, once.

Noise drawn anew for each step moves the car to and fro by little, and an actor that never saw the
hill learns to stand still, a return of 0. Here the noise of one step is correlated by .97 with that
of the next, for it to push one way for long enough; so are the actions of the first 10,000 steps,
each force as probable as any other. Eight MountainCarContinuous-v0 environments (gymnax) are played
for 4 steps; an actor and two critics, 64-64 relu each, then learn from 16 minibatches of 128
transitions, the actor from every second. An episode that was cut after 999 steps keeps the value of
its last state. The evaluation plays 64 episodes with the policy's own actions (`episode_return`),
and 64 with noise on them, drawn anew for each step (`stochastic_episode_return`).

Run: python launch.py run rl/mountain_car_continuous_td3
Expected: evaluation episode_return 92.7 over 8 seeds, 93 or more in 7 (rl-baselines3-zoo: 93.5)
Time: 5 s
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from research.rl.algorithms import td3_config
from research.rl.algorithms.correlated_noise_config import CorrelatedNoiseConfig, problems_of_noise
from research.rl.algorithms.td3_config import TD3Config, make, smoke

__all__ = ["Config", "make", "smoke", "validate"]


@dataclass(frozen=True)
class Config(CorrelatedNoiseConfig, TD3Config):
    """What can be chosen."""

    environment: Annotated[str, "where; actions are vectors"] = "MountainCarContinuous-v0"
    environment_steps: Annotated[int, "steps in all environments together"] = 50_000
    environments: Annotated[int, "environments stepped together"] = 8
    batch_size: Annotated[int, "transitions in a minibatch"] = 128
    replay_size: Annotated[int, "environment steps that are remembered"] = 50_000
    learning_starts: Annotated[int, "environment steps, drawn all alike, before learning"] = 10_000
    learning_rate: Annotated[float, "Adam's step size"] = 3e-4
    target_rate: Annotated[float, "how far targets follow at each gradient step"] = 0.02
    noise_correlation: Annotated[float, "of the noise of one step with that of the next"] = 0.97
    exploration_deviation: Annotated[float, "of the noise on actions, from -1 to 1"] = 0.5


def validate(config: Config) -> list[str]:
    """What is out of range or does not go together, a message each."""
    return td3_config.validate(config) + problems_of_noise(config)
