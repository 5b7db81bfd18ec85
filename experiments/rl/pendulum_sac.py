"""SAC swings a pendulum up and holds it there, by torques from -2 to 2.

Four Pendulum-v1 environments (gymnax) are played for 4 steps; actor and two critics, 64-64 relu
each, then learn from 16 minibatches of 256 transitions, one for each step that was played. The
first 400 steps are drawn at random. An episode is cut after 200 steps and nothing ever ends: its
last state keeps its value. The temperature is learned, so that the policy keeps an entropy of -1.
The evaluation plays 64 episodes with the policy's middle action (`episode_return`), and 64 with
actions drawn from it (`stochastic_episode_return`). The best there is depends on where an episode
begins, and is about -150 in the mean. Settings follow rl-baselines3-zoo, with smaller networks.

Run: python launch.py run rl/pendulum_sac
Expected: evaluation episode_return -150 (rl-baselines3-zoo: about -150 after 20,000 steps)
Time: 35 s
"""

from research.rl.algorithms.sac import SAC

config = SAC(environment="Pendulum-v1")
