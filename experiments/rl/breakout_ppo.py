"""PPO plays Breakout on a screen of 10 x 10 cells, game and learning in one program.

MinAtar's Breakout (gymnax, without sticky actions): a ball, a paddle, three rows of
bricks.
Sixty-four games are played for 128 steps; a policy and a value network of two dense layers of 64
then learn from these 8,192 steps in four passes of eight minibatches. Learning rate and clip range
fall to 0 over ten million steps. The policy's entropy weighs three times as much as in the other
games: with less, a way of playing is settled on that clears few bricks. The evaluation plays 64
games with the most probable actions (`episode_return`) and 64 with drawn ones
(`stochastic_episode_return`).

Run: python launch.py run rl/breakout_ppo --seeds 4
Expected: evaluation stochastic_episode_return 46: 23, 25, 65, 70 over 4 seeds (gymnax: 28)
Time: a quarter of an hour for four seeds on two cores
"""

from dataclasses import replace

from research.rl.algorithms.ppo import MINATAR

config = replace(
    MINATAR,
    environment="Breakout-MinAtar",
    units=64,
    layers=2,
    channels=0,
    learning_rate=5e-3,
    entropy_weight=0.03,
)
