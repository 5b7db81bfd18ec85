"""Evolution strategies balance a pole: a gradient from nothing but how well neighbours do.

A linear policy (8 weights) starts at 0. Each generation adds normal noise to it, 16 draws and
their mirror images; all 32 play 4 episodes of CartPole-v1 (gymnax). From their ranks comes an
estimate of the gradient of the mean fitness around the policy, for Adam (Salimans et al. 2017).
The evaluation plays 64 episodes with the most probable actions of the best policy
(`episode_return`) and 64 with actions drawn from it, for which nothing was searched.
A whole run takes about 1.52 million environment steps, trials and all.

Run: python launch.py run rl/cartpole_evolution_strategies
Expected: evaluation episode_return 500 (the most there is)
Time: 4 s
"""

from research.rl.algorithms.evolution import EvolutionStrategies

config = EvolutionStrategies(candidates=32, deviation=0.3, learning_rate=0.1)
