"""DDPG drives a weak car out of a valley: force costs its square, and the hill pays 100, once.

As `rl/mountain_car_continuous_td3`, with one critic, an actor that learns from every minibatch, and
no noise on the actions that targets are made of. The noise of one step is correlated by .97 with
that of the next, and so are the actions of the first 10,000 steps; noise drawn anew for each step
never reaches the hill. Eight MountainCarContinuous-v0 environments (gymnax) are played for 4 steps;
actor and critic, 64-64 relu each, then learn from 16 minibatches of 128 transitions. The evaluation
plays 64 episodes with the policy's own actions (`episode_return`), and 64 with noise on them, drawn
anew for each step (`stochastic_episode_return`).

Run: python launch.py run rl/mountain_car_continuous_ddpg
Expected: evaluation episode_return 93.5 over 8 seeds (rl-baselines3-zoo: 93.5 after 300,000 steps)
Time: 4 s
"""

from __future__ import annotations

from dataclasses import dataclass

from research.rl.algorithms.ddpg import DDPG
from research.rl.off_policy import MOUNTAIN_CAR_CONTINUOUS, CorrelatedNoise


@dataclass(frozen=True)
class CorrelatedDDPG(CorrelatedNoise, DDPG):
    """Options."""


config = CorrelatedDDPG(**MOUNTAIN_CAR_CONTINUOUS)
