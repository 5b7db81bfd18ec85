"""PQN balances a pole: deep Q-learning that keeps nothing, neither a replay nor a target network.

32 CartPole-v1 environments (gymnax) are played for 64 steps by an ε-greedy policy; the network,
256-256 relu with layer normalisation, then learns Q(λ) returns from these 2,048 steps in 4 passes
of 16 minibatches, and forgets them. ε falls from 1 to .2 in the first fifth of the run. A time
limit is no failure: where an episode is cut after 500 steps, its last state keeps its value. The
evaluation plays 64 episodes with the best actions (`episode_return`) and 64 with the last ε
(`stochastic_episode_return`); the most that an episode can give is 500. What is reported is the
best of 16 checkpoints by its mean return, the first of equals, in other episodes. Settings are
those of the authors' code.

Run: python launch.py run rl/cartpole_pqn
Expected: evaluation episode_return 500 over 8 seeds
Time: 10 s
"""

from research.rl.algorithms.pqn import PQN

config = PQN(
    environment_steps=500_000,
    environments=32,
    rollout_steps=64,
    minibatch_size=128,
    units=256,
    anneal=True,
    learning_rate=1e-4,
    max_gradient_norm=10.0,
    report="evaluation/episode_return",
)
