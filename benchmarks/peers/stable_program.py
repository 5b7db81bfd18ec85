"""Environment steps per second of stable-baselines3 (PyTorch) or sbx (JAX), as a user runs them.

PPO: 4 environments x 128 steps, 4 epochs of minibatches of 128, 64-64 tanh. DQN: one gradient step
on a batch of 100 for every two steps, replay of 50,000, 64-64.
"""

from __future__ import annotations

import argparse
from importlib import import_module
from importlib.metadata import version
from typing import Any

from serving import serve

PPO = {"n_steps": 128, "batch_size": 128, "n_epochs": 4, "learning_rate": 1e-3, "gamma": 0.98,
       "gae_lambda": 0.8}  # fmt: skip
DQN = {"batch_size": 100, "buffer_size": 50_000, "learning_starts": 5_000, "train_freq": 2,
       "gradient_steps": 1, "learning_rate": 1e-3, "target_update_interval": 500}  # fmt: skip
UNITS = {"net_arch": [64, 64]}


def make(library: str, algorithm: str, seed: int = 0) -> Any:
    """The agent, before its first step."""
    found = import_module(library)
    if algorithm == "ppo":
        from stable_baselines3.common.env_util import make_vec_env

        environments = make_vec_env("CartPole-v1", n_envs=4, seed=seed)
        return found.PPO("MlpPolicy", environments, policy_kwargs=UNITS, seed=seed, **PPO)
    return found.DQN("MlpPolicy", "CartPole-v1", policy_kwargs=UNITS, seed=seed, **DQN)


def main() -> None:
    """Serve rounds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("library", choices=["stable_baselines3", "sbx"])
    parser.add_argument("algorithm", choices=["ppo", "dqn"])
    parser.add_argument("--seconds", type=float, default=2.0, help="about the length of a round")
    options = parser.parse_args()
    if options.library == "stable_baselines3":
        import torch

        torch.set_num_threads(1)  # nets this small are many times slower on several
    agent = make(options.library, options.algorithm)
    per_update = 512 if options.algorithm == "ppo" else 100
    if options.algorithm == "dqn":
        agent.learn(6_000)  # until its replay holds enough it does not learn

    def run(steps: int) -> None:
        agent.learn(steps * per_update, reset_num_timesteps=False)

    if options.library == "sbx":
        what = f"sbx {version('sbx-rl')}, JAX {version('jax')}"
    else:
        what = f"stable-baselines3 {version('stable-baselines3')}, PyTorch {version('torch')}"
    serve(what, run, per_update, options.seconds)


if __name__ == "__main__":
    main()
