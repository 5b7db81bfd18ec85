"""Double DQN balances a pole: one network chooses the action that follows, the other values it.

The largest of several uncertain values is too large on average. Here the network that learns
chooses the best action of the next state, and the target network values it (van Hasselt et al.
2016, arXiv 1509.06461). All else follows CleanRL's DQN.

Run: python launch.py run rl/cartpole_double_dqn
Expected: evaluation episode_return 500 over 8 seeds
Time: 15 s
"""

from dataclasses import replace

from research.rl.algorithms.dqn import CLEANRL

config = replace(
    CLEANRL, double=True, learning_rate=1e-3, discount=0.98, report="evaluation/episode_return"
)
