"""C51 balances a pole: it learns how returns are distributed, not only their mean.

Each action has 51 probabilities, of returns from 0 to 100, which is what a pole that never falls
comes to at discount .99; what follows is projected onto these returns, and learned by cross-entropy
(Bellemare et al. 2017, arXiv 1707.06887). All else follows CleanRL's DQN.

Run: python launch.py run rl/cartpole_c51
Expected: evaluation episode_return 500.0 over 8 seeds
Time: 45 s
"""

from dataclasses import replace

from research.rl.algorithms.dqn import CLEANRL

config = replace(CLEANRL, atoms=51, learning_rate=1e-3, discount=0.98)
