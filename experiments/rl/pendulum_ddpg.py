"""DDPG swings a pendulum up and holds it there, by torques from -2 to 2.

As `rl/pendulum_td3`, with one critic, an actor that learns from every minibatch, and no noise on
the actions that targets are made of. Four Pendulum-v1 environments (gymnax) are played for 4 steps;
actor and critic, 64-64 relu each, then learn from 16 minibatches of 256 transitions. The first 400
steps are drawn at random. An episode is cut after 200 steps and nothing ever ends: its last state
keeps its value. The evaluation plays 64 episodes with the policy's own actions
(`episode_return`), and 64 with noise on them (`stochastic_episode_return`). The best there is
depends on where an episode begins, and is about -150 in the mean. Settings follow
rl-baselines3-zoo, with smaller networks.

Run: python launch.py run rl/pendulum_ddpg
Expected: evaluation episode_return -150 (rl-baselines3-zoo: about -150 after 20,000 steps)
Time: 15 s
"""

from research.rl.algorithms.ddpg import DDPG

config = DDPG(environment="Pendulum-v1")
