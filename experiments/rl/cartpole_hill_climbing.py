"""Hill climbing balances a pole: try random steps from a policy, take the best if it is better.

A linear policy (8 weights) starts at 0. Each generation tries 15 random steps from it, and the
policy itself anew; all 16 play 4 episodes of CartPole-v1 (gymnax). Where a step did better it is
taken, and the next ones are half as large; else they are twice as large. The evaluation plays 64
episodes with the most probable actions of the best policy (`episode_return`) and 64 with actions
drawn from it, for which nothing was searched.
A whole run takes about 0.75 million environment steps, trials and all.

Run: python launch.py run rl/cartpole_hill_climbing
Expected: evaluation episode_return 500 (the most there is)
Time: 2 s
"""

from research.rl.algorithms.local_search import HillClimbing

config = HillClimbing(candidates=16)
