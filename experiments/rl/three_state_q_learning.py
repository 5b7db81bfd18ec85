"""Q-learning comes near the exact action values of a process with three states.

The process of `three_state_q_iteration`, now unknown: random actions are taken, and each step moves
one value towards its sampled target. The settings are those of Géron's chapter 18 (2nd edition):
10,000 steps, a step size of .05 / (1 + .005 n), discount .90. His run ended at 18.78, 17.22, 13.75
in state 0, -8.00 in state 1 and 49.40 in state 2; the exact values are 18.919, 17.027, 13.622,
-4.880 and 50.134, so that such a schedule has not quite arrived. `start_value` is what the policy
that follows from the values is worth, in closed form.

Run: python launch.py run rl/three_state_q_learning
Expected: q_s0_a0 17 to 20 (exact 18.919; the book's single run 18.78)
Time: 1 s
"""

from research.rl.algorithms.tabular import Tabular

config = Tabular(
    environment="ThreeStates-finite",
    exploration="uniform",
    environment_steps=10_000,
    steps_per_update=100,
    step_size=0.05,
    step_size_decay=0.005,
    discount=0.9,
)
