"""PPO plays Asterix on a screen of 10 x 10 cells, game and learning in one program.

MinAtar's Asterix (gymnax, without sticky actions): treasures to take and enemies to evade, from
either side.
Sixty-four games are played for 128 steps; a policy and a value network, each a 3 x 3 convolution of
16 channels and a dense layer of 128, then learn from these 8,192 steps in four passes of eight
minibatches. Learning rate and clip range fall to 0 over ten million steps. The evaluation plays 64
games with the most probable actions (`episode_return`) and 64 with drawn ones
(`stochastic_episode_return`).

Run: python launch.py run rl/asterix_ppo --seeds 4
Expected: evaluation stochastic_episode_return 58, greedy 65 (4 seeds; gymnax: 15)
Time: 151 s for four seeds on an H200; half an hour a seed on two cores
"""

from dataclasses import replace

from research.rl.algorithms.ppo import MINATAR

config = replace(MINATAR, environment="Asterix-MinAtar")
