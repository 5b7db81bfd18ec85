"""Q-value iteration finds the exact action values of a process with three states.

The process of Géron's chapter 18 (2nd edition, figure 18-8): staying in state 0 pays 10 for ever;
through state 2, which costs 50 to enter, a 40 can be had. Every sweep applies Bellman's
optimality equation to all states and actions at once; nothing is sampled, so that every seed is
the same. With a discount of .95 the patient way, through the fire, becomes the best
(`--discount .95`). `largest_error` is that of any action value after the last sweep, against a
linear system solved in float64. Other methods by `--method`, other processes by `--environment`.

Run: python launch.py run rl/three_state_q_iteration
Expected: q_s0_a0 18.919, q_s2_a1 50.134, as in the book after 50 sweeps
Time: 1 s
"""

from research.rl.algorithms.planning import Planning

config = Planning(environment="ThreeStates-finite", method="q_value_iteration")
