"""PPO plays Space Invaders on a screen of 10 x 10 cells, game and learning in one program.

MinAtar's Space Invaders (gymnax, without sticky actions): a cannon below a block of aliens that
come down and shoot. Networks, settings and evaluation are those of `rl/asterix_ppo`.

Run: python launch.py run rl/space_invaders_ppo --seeds 4
Expected: evaluation stochastic_episode_return 170, greedy 179 (4 seeds; gymnax: 131)
Time: 41 s for four seeds on an H200; half an hour a seed on two cores
"""

from dataclasses import replace

from research.rl.algorithms.ppo import MINATAR

config = replace(MINATAR, environment="SpaceInvaders-MinAtar")
