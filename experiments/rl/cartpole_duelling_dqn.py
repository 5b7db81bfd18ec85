"""Duelling DQN balances a pole: how good it is to be here, and how much better one action is.

After the first hidden layer the network parts into two streams of a hidden layer each: the value
of the state, and the advantages of the actions, whose mean is taken away (Wang et al. 2016, arXiv
1511.06581). As in that paper, targets are those of double DQN. All else follows CleanRL's DQN.

Run: python launch.py run rl/cartpole_duelling_dqn
Expected: evaluation episode_return 499.6 over 8 seeds
Time: 25 s
"""

from dataclasses import replace

from research.rl.algorithms.dqn import CLEANRL

config = replace(
    CLEANRL,
    double=True,
    duelling=True,
    learning_rate=1e-3,
    discount=0.98,
    report="evaluation/episode_return",
)
