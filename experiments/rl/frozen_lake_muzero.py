"""MuZero crosses a slippery lake: it learns what its steps lead to, and searches before each.

FrozenLake 4 × 4 of gymnasium: each step slides to either side with a third each; the goal alone
pays, a hole ends it, 100 steps are all there are. 128 lakes are played for 16 steps; each action is
found by a search of 4 nodes in a model that has been learned (Gumbel MuZero). The model then learns
rewards, returns and the policies of the searches, up to three imagined steps ahead, from these
2,048 steps in 4 passes, and forgets them. The share of random actions falls from 1 to .1 in the
first four fifths of the run. The evaluation plays 512 episodes with the actions that searches
without noise choose (`episode_return`: the share that arrives) and 512 with actions drawn from the
policies that they find. The policy that value iteration finds arrives in .7402 of all episodes (a
test computes it from the model); no policy, not even one that counts steps, in more than .7442.

Run: python launch.py run rl/frozen_lake_muzero
Expected: evaluation episode_return .70 over 8 seeds, .56 to .77 (the best: .74)
Time: 40 s
"""

from research.rl.algorithms.muzero import MuZero

config = MuZero(
    environment="FrozenLake4x4-finite",
    environment_steps=800_000,
    environments=128,
    rollout_steps=16,
    anneal=True,
    evaluation_episodes=512,
    max_gradient_norm=5.0,
)
