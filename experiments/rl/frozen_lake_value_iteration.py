"""Value iteration crosses a slippery lake as well as can be: the model is known.

FrozenLake 4 × 4 of gymnasium: each step slides to either side with a third each; the goal alone
pays, a hole ends it. A sweep backs up all states and then, for the policy, all their actions: two
backups. The values after the last sweep are compared with those of a linear system
solved in float64 (`largest_error`). From the start the best policy is worth .542 at a discount of
.99: the probability to arrive, weighed by how late.

Run: python launch.py run rl/frozen_lake_value_iteration
Expected: start_value .5420, equal to best_start_value
Time: 1 s
"""

from research.rl.algorithms.planning import Planning

config = Planning(
    environment="FrozenLake4x4-finite", method="value_iteration", sweeps=1000, discount=0.99
)
