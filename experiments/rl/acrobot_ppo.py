"""PPO swings a double pendulum above a line: each step costs 1 until it is there.

Sixteen Acrobot-v1 environments (gymnax) are played for 256 steps, from which a policy and a value
network, 64-64 tanh each, learn in four passes of minibatches of 64. Observations and rewards are
normalised by their moments so far. Settings follow rl-baselines3-zoo.

Run: python launch.py run rl/acrobot_ppo
Expected: evaluation episode_return -73.5 (rl-baselines3-zoo: -73.5)
Time: 90 s
"""

from research.rl.algorithms.ppo import PPO

config = PPO(
    environment="Acrobot-v1",
    environment_steps=1_000_000,
    environments=16,
    rollout_steps=256,
    minibatch_size=64,
    normalise_observations=True,
    normalise_rewards=True,
    learning_rate=3e-4,
    gae_lambda=0.94,
)
