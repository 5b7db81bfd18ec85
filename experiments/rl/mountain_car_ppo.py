"""PPO drives a weak car out of a valley: each step costs 1 until it is on the hill.

Sixteen MountainCar-v0 environments (gymnax) are played for 16 steps, from which a policy and a
value network, 64-64 tanh each, learn in four passes of minibatches of 64. Observations and rewards
are normalised by their moments so far. Settings follow rl-baselines3-zoo.

Run: python launch.py run rl/mountain_car_ppo
Expected: evaluation episode_return -113 over 8 seeds (rl-baselines3-zoo: -110.4)
Time: 90 s
"""

from research.rl.algorithms.ppo import PPO

config = PPO(
    environment="MountainCar-v0",
    environment_steps=1_000_000,
    environments=16,
    rollout_steps=16,
    minibatch_size=64,
    normalise_observations=True,
    normalise_rewards=True,
    learning_rate=3e-4,
    gae_lambda=0.98,
)
