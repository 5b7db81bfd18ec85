"""PPO balances a pole: environments, rollout and updates in one compiled program.

Eight CartPole-v1 environments (gymnax) are played for 32 steps; a policy and a value network,
64-64 tanh each, then learn from these 256 steps in 20 full-batch passes. That is one update.
Learning rate and clip range fall to 0 over the run: with constant ones, one seed in sixteen had
lost again at the end what it had long known. A time limit is no failure: where an episode is cut
after 500 steps, its last state keeps its value.
The evaluation plays 64 episodes with the policy's most probable actions (`episode_return`), and
64 with actions drawn from it (`stochastic_episode_return`). The most that an episode can give
is 500. Settings follow rl-baselines3-zoo, whose PPO reaches 500 as well.

Run: python launch.py run rl/cartpole_ppo
Expected: evaluation episode_return 500, 493 to 500 over 16 seeds (rl-baselines3-zoo: 500)
Time: 6 s
"""

from research.rl.algorithms.ppo import PPO

config = PPO(epochs=20, discount=0.98, gae_lambda=0.8, anneal=True)
