"""DQN does not find a treasure that lies twenty right turns away: the control of curiosity.

In bsuite's DeepSea (gymnax) a diver sinks one of twenty rows a step, to the left or to the right.
Every step to the right costs 0.0005, and only twenty of them in a row lead to a treasure of 1;
which of two actions goes right differs from cell to cell. Random actions find it in one of 2^20
episodes, and all that is learned before is that going right costs. So ε-greedy exploration ends at
a return of 0. As many environment steps as `rl/deep_sea_curiosity`; of these, ε falls from 1 to .05
in the first half. The evaluation plays 64 episodes with the best actions (`episode_return`) and 64
with the last ε (`stochastic_episode_return`).

Run: python launch.py run rl/deep_sea_dqn
Expected: evaluation episode_return 0, or little less; the most there is is 0.99
Time: 15 s
"""

from research.rl.algorithms.dqn import DQN

config = DQN(
    environment="DeepSea20-bsuite",
    environment_steps=300_000,
    environments=32,
    steps_per_update=40,
    gradient_steps=20,
    batch_size=128,
    replay_size=10_240,
    learning_starts=10_000,
    units=64,
    learning_rate=1e-3,
)
