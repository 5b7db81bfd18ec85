"""REINFORCE balances a pole: whole episodes, their returns, and nothing else.

Eight CartPole-v1 environments (gymnax) are played for one episode each; the policy, 64-64 tanh,
then makes one step of Adam along the gradient of its returns, normalised over all steps. No value
is learned, so nothing is known of what follows the time limit of 500 steps. The evaluation plays 64
episodes with the most probable actions and 64 with drawn ones, and counts the environment steps
learned from so far (`environment_steps`).

Run: python launch.py run rl/cartpole_reinforce
Expected: evaluation episode_return 488 to 500 (8 seeds; 500 is the most there is)
Time: 10 s
"""

from research.rl.algorithms.reinforce import Reinforce

config = Reinforce()
