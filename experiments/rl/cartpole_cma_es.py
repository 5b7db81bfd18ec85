"""CMA-ES balances a pole: samples whose spread learns which directions pay.

Each generation draws 16 linear policies (8 weights) from a normal distribution; each plays 4
episodes of CartPole-v1 (gymnax). Mean, step size and covariance move towards the fitter ones
(Hansen 2016, in the implementation of evosax); the answer is the mean. The evaluation plays 64
episodes with the most probable actions of the best policy (`episode_return`) and 64 with actions
drawn from it, for which nothing was searched.
A whole run takes about 0.98 million environment steps, trials and all.

Run: python launch.py run rl/cartpole_cma_es
Expected: evaluation episode_return 500 (the most there is)
Time: 2 s
"""

from research.rl.algorithms.evolution import CMAES

config = CMAES(candidates=16, deviation=1.0)
