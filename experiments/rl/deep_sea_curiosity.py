"""Curiosity dives for a treasure that lies twenty right turns away (PPO with RND).

In bsuite's DeepSea (gymnax) a diver sinks one of twenty rows a step, to the left or to the right.
Every step to the right costs 0.0005, and only twenty of them in a row lead to a treasure of 1;
which of two actions goes right differs from cell to cell. Random actions find it in one of 2^20
episodes. Random network distillation (Burda et al. 2018, arXiv 1810.12894) rewards what is new: a
network learns to predict the outputs of another one, whose weights are random and stay so; where it
errs, few divers have been. That reward has a value function and a discount of its own, and its
returns go on over ends of episodes. Thirty-two environments are played for 40 steps; policy and
values, 64-64 tanh each, then learn in four passes of minibatches of 320, the predictor, two layers
deeper than the random network of 64-64 relu, in one. `train/intrinsic_reward` shows how much is
still new. ε-greedy DQN does not get there: `rl/deep_sea_dqn`. The evaluation plays 64 episodes with
the most probable actions and 64 with drawn ones.

Run: python launch.py run rl/deep_sea_curiosity
Expected: evaluation episode_return 0.99, the most there is
Time: 30 s
"""

from research.rl.algorithms.curious_ppo import CuriousPPO

config = CuriousPPO(
    environment="DeepSea20-bsuite",
    environment_steps=300_000,
    environments=32,
    rollout_steps=40,
    minibatch_size=320,
    entropy_weight=0.1,
    predictor_learning_rate=2e-3,
)
