"""Advantage actor-critic balances a pole: five steps of each environment, then one gradient step.

Eight CartPole-v1 environments (gymnax); a policy and a value network, 64-64 tanh each, learn by
RMSProp from five-step returns. A time limit is no failure: where an episode is cut after 500 steps,
its last state keeps its value. Settings follow rl-baselines3-zoo, whose A2C reaches 500 as well.

Run: python launch.py run rl/cartpole_a2c
Expected: evaluation episode_return 500 (rl-baselines3-zoo: 500)
Time: 15 s
"""

from research.rl.algorithms.a2c import A2C

config = A2C(environment_steps=500_000, rollout_steps=5, learning_rate=7e-4, gae_lambda=1.0)
