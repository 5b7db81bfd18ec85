"""Rainbow without noisy layers balances a pole: every improvement of DQN at once.

Double, duelling, prioritised (by the cross-entropy), three-step and distributional, with ε-greedy
exploration in place of noise in the weights (Hessel et al. 2018, arXiv 1710.02298). All else
follows CleanRL's DQN.

Run: python launch.py run rl/cartpole_rainbow
Expected: evaluation episode_return 499.8 over 8 seeds
Time: 70 s
"""

from dataclasses import replace

from research.rl.algorithms.dqn import CLEANRL

config = replace(
    CLEANRL,
    double=True,
    duelling=True,
    prioritised=True,
    lookahead=3,
    atoms=51,
    learning_rate=1e-3,
    discount=0.98,
)
