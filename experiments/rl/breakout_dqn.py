"""DQN plays Breakout from images: replay, target network and environments in one program.

Eight environments of Breakout-MinAtar (gymnax; images of 10 x 10 with four channels, no sticky
actions); a network of a 3 x 3 convolution to 16 channels and 128 relu.

Run: python launch.py run rl/breakout_dqn
Expected: evaluation episode_return 42, from 29 to 57 over 3 seeds (PPO, gymnax: 28)
Time: 94 s for three seeds on an H200
"""

from research.rl.algorithms.dqn import DQN

config = DQN(
    environment="Breakout-MinAtar",
    environment_steps=2_000_000,
    environments=8,
    steps_per_update=4,
    gradient_steps=8,
    batch_size=32,
    replay_size=100_000,
    learning_starts=5_000,
    target_every=32,
    units=128,
    layers=1,
    channels=16,
    anneal=False,
    learning_rate=2.5e-4,
    epsilon=0.1,
    exploration_fraction=0.1,
)
