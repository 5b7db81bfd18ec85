"""REINFORCE balances a pole with a baseline: a learned V(s) is taken from the returns.

As `rl/cartpole_reinforce`, with a value function, 64-64 tanh, that learns what the returns are.
Where the time limit of 500 steps cuts an episode, its value stands for what would have followed.
Gradients are clipped at 1000, hardly ever: at .5 the value function's early errors take up nearly
all of the norm, it seems, and little is left to the policy: 417 to 487 was reached (8 seeds).

Run: python launch.py run rl/cartpole_reinforce_baseline
Expected: evaluation episode_return 491 to 500 (8 seeds; 500 is the most there is)
Time: 10 s
"""

from research.rl.algorithms.reinforce import Reinforce

config = Reinforce(baseline=True, max_gradient_norm=1000.0)
