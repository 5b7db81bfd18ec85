"""Q-learning finds the shortest way through a maze whose every step costs.

Each step costs 1 until the goal is reached, so that nothing but haste is asked for. One step in
ten is random (ε-greedy). The evaluation takes the best actions from the start: in the maze of the
example 16 steps are the fewest. The report shows the way, and the values of all states beside the
exact ones. SARSA by `--method sarsa`; a maze of 8 × 8 rooms by `--environment RandomMaze-finite`.

Run: python launch.py run rl/maze_q_learning
Expected: evaluation episode_return -16, the best there is
Time: 2 s
"""

from research.rl.algorithms.tabular import Tabular

config = Tabular(environment="Maze-finite", method="q_learning")
