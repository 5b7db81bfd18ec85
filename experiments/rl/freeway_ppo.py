"""PPO plays Freeway on a screen of 10 x 10 cells, game and learning in one program.

MinAtar's Freeway (gymnax, without sticky actions): a chicken crosses eight lanes of cars, again and
again for 2,500 steps. Networks, settings and evaluation are those of `rl/asterix_ppo`.

Run: python launch.py run rl/freeway_ppo --seeds 4
Expected: evaluation stochastic_episode_return 64.5 (4 seeds; gymnax: 58)
Time: 52 s for four seeds on an H200; half an hour a seed on two cores
"""

from dataclasses import replace

from research.rl.algorithms.ppo import MINATAR

config = replace(MINATAR, environment="Freeway-MinAtar")
