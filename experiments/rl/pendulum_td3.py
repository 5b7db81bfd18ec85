"""TD3 swings a pendulum up and holds it there, by torques from -2 to 2.

Four Pendulum-v1 environments (gymnax) are played for 4 steps; an actor and two critics, 64-64 relu
each, then learn from 16 minibatches of 256 transitions, one for each step that was played, the
actor from every second. The policy is deterministic; noise of a tenth of the way from the middle to
either bound is added to explore. The first 400 steps are drawn at random. An episode is cut after
200 steps and nothing ever ends: its last state keeps its value. The evaluation plays 64 episodes
with the policy's own actions (`episode_return`), and 64 with noise on them
(`stochastic_episode_return`). The best there is depends on where an episode begins, and is about
-150 in the mean. Settings follow rl-baselines3-zoo, with smaller networks.

Run: python launch.py run rl/pendulum_td3
Expected: evaluation episode_return -150 (rl-baselines3-zoo: about -150 after 20,000 steps)
Time: 20 s
"""

from research.rl.algorithms.td3 import TD3

config = TD3(environment="Pendulum-v1")
