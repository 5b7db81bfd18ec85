"""PQN plays Breakout: deep Q-learning without a replay or a target network, all on the device.

128 environments of Breakout-MinAtar (gymnax; images of 10 x 10 with four channels, no sticky
actions) are played for 32 steps; a network of a 3 x 3 convolution to 16 channels and 128 relu,
each with layer normalisation, then learns Q(λ) returns from these 4,096 steps in 2 passes of 32
minibatches. ε falls from 1 to .05 in the first tenth of the run. An episode is cut after 1,000
steps, and its last state keeps its value. Settings are those of the paper for MinAtar.

Run: python launch.py run rl/breakout_pqn
Expected: evaluation episode_return 74, from 40 to 94 over 3 seeds (PPO, gymnax: 28)
Time: 47 s for three seeds on an H200; hours on two cores
"""

from research.rl.algorithms.pqn import PQN

config = PQN(
    environment="Breakout-MinAtar",
    environment_steps=10_000_000,
    environments=128,
    epochs=2,
    minibatch_size=128,
    units=128,
    layers=1,
    channels=16,
    anneal=True,
    learning_rate=5e-4,
    return_lambda=0.65,
    reward_scale=1.0,
    epsilon=0.05,
    exploration_fraction=0.1,
    max_gradient_norm=10.0,
)
