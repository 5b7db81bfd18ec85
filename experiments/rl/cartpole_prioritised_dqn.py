"""DQN balances a pole by replaying transitions of large TD error more often.

Transitions are drawn in proportion to |δ|^.6, and weigh less the more often they are drawn: at
first with exponent .4, in the end with 1, when nothing of the bias is left (Schaul et al. 2016,
arXiv 1511.05952). All else is as in rl/cartpole_dqn.

Run: python launch.py run rl/cartpole_prioritised_dqn
Expected: evaluation episode_return 500.0 over 8 seeds
Time: 45 s
"""

from dataclasses import replace

from research.rl.algorithms.dqn import FAR_SIGHTED

config = replace(FAR_SIGHTED, prioritised=True)
