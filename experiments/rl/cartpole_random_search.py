"""Random search balances a pole: some linear policies just do, and a good one is soon drawn.

Each generation is 64 linear policies (8 weights: logits of left and right) drawn from a normal
distribution; each plays 4 episodes of CartPole-v1 (gymnax), all in one loop. The fittest, and the
best one before it, then play 16 fresh episodes, since the largest of 64 noisy scores is largely
luck. The evaluation plays 64 episodes with the best policy's most probable actions
(`episode_return`) and 64 with actions drawn from it, for which nothing was searched.
A whole run takes about 0.76 million environment steps, trials and all.

Run: python launch.py run rl/cartpole_random_search
Expected: evaluation episode_return 500 (the most there is)
Time: 4 s
"""

from research.rl.algorithms.local_search import RandomSearch

config = RandomSearch(candidates=64)
