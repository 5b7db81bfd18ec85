"""DQN and MinAtar's PPO against rejax, and both on CartPole against what most people use.

    python -m benchmarks.rl --rejax-python REJAX/bin/python --stable-python STABLE/bin/python

REJAX as for `benchmarks.ppo`; STABLE is an environment with stable-baselines3 and sbx
(`pip install stable-baselines3 sbx-rl`). `dqn`: the settings that rejax has for CartPole, with a
target network copied every 50 updates in place of a moving average. `minatar`: 64 environments x
128 steps of Breakout, 4 epochs of 8 minibatches, by a convolution of 16 channels and a dense layer
of 128, and by two dense layers of 64, which are rejax's own. `users`: CartPole by libraries whose
environments are gymnasium's. Rounds, ratios and compilation as in `benchmarks.ppo`.
"""

from __future__ import annotations

import argparse

from benchmarks.ppo import settings, show
from benchmarks.rivals import arguments, encore, peer
from benchmarks.worker import Worker

QUESTIONS = ("dqn", "minatar", "users")
DQN = {"environments": 10, "steps_per_update": 1, "gradient_steps": 5, "batch_size": 100,
       "replay_size": 50_000, "learning_starts": 10, "target_every": 50, "units": 64,
       "double": True, "duelling": True, "learning_rate": 1e-3,
       "environment_steps": 10**9}  # fmt: skip
MINATAR = {"environments": 64, "rollout_steps": 128, "epochs": 4, "minibatch_size": 1024,
           "units": 128, "layers": 1, "channels": 16, "environment_steps": 10**9}  # fmt: skip
DENSE = MINATAR | {"units": 64, "layers": 2, "channels": 0}


def against_dqn(options: argparse.Namespace) -> None:
    """DQN on CartPole."""
    seconds, python = options.seconds, options.rejax_python
    sizes = ["--algorithm", "dqn", "--seconds", seconds]
    rejax = peer("rejax", python, "rejax_program.py", *sizes)
    ours = encore("Encore", "rl/cartpole_dqn", DQN, seconds)
    show("DQN, CartPole", [ours, rejax], rejax, {"Encore": 4}, options)


def against_minatar(options: argparse.Namespace) -> None:
    """PPO on Breakout."""
    seconds, python = options.seconds, options.rejax_python
    sizes = ["--environment", "Breakout-MinAtar", "--environments", 64, "--minibatches", 8,
             "--discount", 0.99, "--gae-lambda", 0.95, "--seconds", seconds]  # fmt: skip
    rejax = peer("rejax", python, "rejax_program.py", *sizes, "--channels", 16)
    dense = peer("rejax", python, "rejax_program.py", *sizes)
    ours = encore("Encore", "rl/breakout_ppo", MINATAR, seconds)
    show("PPO, Breakout, a convolution", [ours, rejax], rejax, {"Encore": 1.5}, options)
    ours = encore("Encore", "rl/breakout_ppo", DENSE, seconds)
    show("PPO, Breakout, dense 64-64", [ours, dense], dense, {"Encore": 1.5}, options)


def for_users(options: argparse.Namespace) -> None:
    """CartPole, by what most people use."""
    seconds = options.seconds

    def stable(title: str, library: str, algorithm: str) -> Worker:
        words = [library, algorithm, "--seconds", seconds]
        return peer(title, options.stable_python, "stable_program.py", *words)

    for algorithm, own in (("ppo", settings(4)), ("dqn", DQN)):
        baseline = stable("stable-baselines3", "stable_baselines3", algorithm)
        ours = encore("Encore", f"rl/cartpole_{algorithm}", own, seconds)
        workers = [ours, stable("sbx", "sbx", algorithm), baseline]
        show(f"{algorithm.upper()}, CartPole", workers, baseline, {}, options)


def main() -> None:
    """Measure and print a table a question."""
    options = arguments(__doc__, QUESTIONS)
    asked = {"dqn": against_dqn, "minatar": against_minatar, "users": for_users}
    for question in options.only:
        asked[question](options)


if __name__ == "__main__":
    main()
