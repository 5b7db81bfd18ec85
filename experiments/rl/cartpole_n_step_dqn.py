"""DQN balances a pole by looking three steps ahead before it asks what follows.

Targets are three rewards and the value after them, or fewer where the episode ends (Sutton & Barto
2018, chapter 7; Hessel et al. 2018, arXiv 1710.02298). Nothing corrects for the actions that were
tried to explore on the way. All else follows CleanRL's DQN.

Run: python launch.py run rl/cartpole_n_step_dqn
Expected: evaluation episode_return 500
Time: 15 s
"""

from dataclasses import replace

from research.rl.algorithms.dqn import CLEANRL

config = replace(CLEANRL, lookahead=3)
