"""PPO plays Breakout on a screen of 10 x 10 cells, game and learning in one program.

MinAtar's Breakout (gymnax, without sticky actions): a ball, a paddle, three rows of bricks. All is
as in `rl/asterix_ppo`, but that networks are two dense layers of 64, that the step size is another,
and that the policy's entropy weighs three times as much: with less, a way of playing is settled on
that clears few bricks.

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
