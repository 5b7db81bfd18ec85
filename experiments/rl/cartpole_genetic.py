"""A genetic algorithm balances a pole: the fitter have children, the fittest stay.

Each generation is 32 linear policies (8 weights) that play 4 episodes of CartPole-v1 (gymnax)
each. The fittest 4 stay; the others make room for children of parents that won tournaments of 3:
weights of both parents mixed, or those of one, with normal noise. The evaluation plays 64 episodes
with the most probable actions of the best policy (`episode_return`) and 64 with actions drawn from
it, for which nothing was searched.
A whole run takes about 1.58 million environment steps, trials and all.

Run: python launch.py run rl/cartpole_genetic
Expected: evaluation episode_return 500 (the most there is)
Time: 3 s
"""

from research.rl.algorithms.evolution import GeneticAlgorithm

config = GeneticAlgorithm(candidates=32, elites=4, tournament=3)
