"""DQN drives a weak car out of a valley: each step costs 1 until it is on the hill.

Four MountainCar-v0 environments (gymnax) are played for four steps by an ε-greedy policy; a network
of 256-256 relu then learns from eight minibatches of 128 of the newest 10,000 transitions, and is
copied to the target network every 608 steps. ε falls from 1 to .07 in the first 24,000 steps.
Settings follow rl-baselines3-zoo. The evaluation plays 64 episodes with the best actions
(`episode_return`) and 64 with the last ε (`stochastic_episode_return`).

Run: python launch.py run rl/mountain_car_dqn
Expected: evaluation episode_return -103 over 8 seeds (rl-baselines3-zoo: -101)
Time: 70 s
"""

from research.rl.algorithms.dqn import DQN

config = DQN(
    environment="MountainCar-v0",
    environment_steps=120_000,
    environments=4,
    steps_per_update=4,
    gradient_steps=8,
    batch_size=128,
    replay_size=10_000,
    learning_starts=1_000,
    target_every=38,
    units=256,
    learning_rate=4e-3,
    discount=0.98,
    epsilon=0.07,
    exploration_fraction=0.2,
)
