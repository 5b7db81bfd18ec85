"""DQN swings a double pendulum above a line: each step costs 1 until it is there.

Four Acrobot-v1 environments (gymnax) are played by an ε-greedy policy, a step at a time; a network
of 256-256 relu then learns from four minibatches of 128 of the newest 50,000 transitions, and is
copied to the target network every 248 steps. ε falls from 1 to .1 in the first 12,000 steps.
Settings follow rl-baselines3-zoo. The evaluation plays 64 episodes with the best actions
(`episode_return`) and 64 with the last ε (`stochastic_episode_return`).

Run: python launch.py run rl/acrobot_dqn
Expected: evaluation episode_return -73.8 over 8 seeds (rl-baselines3-zoo: -76.6)
Time: 2 min
"""

from research.rl.algorithms.dqn import DQN

config = DQN(
    environment="Acrobot-v1",
    environment_steps=100_000,
    environments=4,
    steps_per_update=1,
    gradient_steps=4,
    batch_size=128,
    replay_size=50_000,
    learning_starts=1_000,
    target_every=62,
    units=256,
    learning_rate=6.3e-4,
    epsilon=0.1,
    exploration_fraction=0.12,
)
