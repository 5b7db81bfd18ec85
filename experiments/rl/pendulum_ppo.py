"""PPO swings a pendulum up and holds it there: actions are torques, drawn from a Gaussian.

Four Pendulum-v1 environments (gymnax) are played for 1,024 steps, from which a policy and a value
network, 64-64 tanh each, learn in ten passes of minibatches of 64. The torque's standard deviation
is learned, the same everywhere. The evaluation plays 64 episodes with the mean torque and 64 with
drawn ones. Settings follow rl-baselines3-zoo, without its state-dependent exploration.

Run: python launch.py run rl/pendulum_ppo
Expected: evaluation episode_return -182, -221 to -147 (8 seeds; rl-baselines3-zoo: -172)
Time: 15 s
"""

from research.rl.algorithms.ppo import PPO

config = PPO(
    environment="Pendulum-v1",
    environment_steps=100_000,
    environments=4,
    rollout_steps=1024,
    epochs=10,
    minibatch_size=64,
    discount=0.9,
)
