"""DQN balances a pole: replay, target network and environments in one compiled program.

Eight CartPole-v1 environments (gymnax) are played for 32 steps by an ε-greedy policy; the network,
256-256 relu, then learns from 128 minibatches of 64 transitions drawn from all that was seen, and
is copied to the target network. A time limit is no failure: where an episode is cut after 500
steps, its last state keeps its value. The evaluation plays 64 episodes with the best actions
(`episode_return`) and 64 with the last ε (`stochastic_episode_return`); the most that an episode
can give is 500. Settings follow rl-baselines3-zoo. Each improvement is an option: `--double`,
`--duelling`, `--prioritised`, `--lookahead 3`, `--atoms 51`; together they are Rainbow.

Run: python launch.py run rl/cartpole_dqn
Expected: evaluation episode_return 500 (rl-baselines3-zoo: 500 after 50,000 steps)
Time: 60 s
"""

from __future__ import annotations

from dataclasses import dataclass

from research.rl.algorithms.dqn_config import DQNConfig, make, smoke, validate

__all__ = ["Config", "make", "smoke", "validate"]


@dataclass(frozen=True)
class Config(DQNConfig):
    """What can be chosen."""
