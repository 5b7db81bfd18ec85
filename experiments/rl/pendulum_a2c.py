"""Advantage actor-critic holds a pendulum up: torques from a Gaussian, many steps and no replay.

Sixteen Pendulum-v1 environments (gymnax) are played for 8 steps, then one step of RMSProp is taken.
Observations have mean 0 and deviation 1 over the run so far, rewards the deviation of discounted
returns; without them the same is not learned. The discount is .9: a torque takes effect soon.
An episode that was cut after 200 steps keeps the value of its last state.

Run: python launch.py run rl/pendulum_a2c
Expected: evaluation episode_return -196 over 8 seeds, most near -180 (rl-baselines3-zoo: -163)
Time: 4 s
"""

from research.rl.algorithms.a2c import A2C

config = A2C(
    environment="Pendulum-v1",
    environment_steps=2_000_000,
    environments=16,
    rollout_steps=8,
    anneal=True,
    normalise_observations=True,
    normalise_rewards=True,
    learning_rate=3e-3,
    discount=0.9,
    gae_lambda=0.9,
    value_weight=0.4,
)
