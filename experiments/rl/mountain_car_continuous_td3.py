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

from research.rl.algorithms.td3 import TD3
from research.rl.off_policy import MOUNTAIN_CAR_CONTINUOUS, CorrelatedNoise


@dataclass(frozen=True)
class CorrelatedTD3(CorrelatedNoise, TD3):
    """Options."""


config = CorrelatedTD3(**MOUNTAIN_CAR_CONTINUOUS)
