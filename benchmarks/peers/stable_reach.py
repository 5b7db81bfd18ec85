"""Trains eight seeds of PPO on CartPole by stable-baselines3 or sbx, and says how they do.

Settings are those of rl-baselines3-zoo. The seeds take turns of 5,120 environment steps; after
each turn of all a line: `step N mean R`, R over 16 episodes of each with the best actions.
"""

from __future__ import annotations

import sys
from importlib import import_module

import torch
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.evaluation import evaluate_policy

SEEDS, TURN, TOTAL, EPISODES = 8, 5_120, 102_400, 16


def main() -> None:
    """Train for 102,400 steps of each seed, or until stopped."""
    torch.set_num_threads(1)  # nets this small are many times slower on several
    library = import_module(sys.argv[1])
    rate = [1.0]
    agents = [
        library.PPO(
            "MlpPolicy",
            make_vec_env("CartPole-v1", n_envs=8, seed=seed),
            n_steps=32,
            batch_size=256,
            n_epochs=20,
            gamma=0.98,
            gae_lambda=0.8,
            ent_coef=0.0,
            learning_rate=lambda _: rate[0] * 1e-3,
            clip_range=0.2,
            policy_kwargs={"net_arch": [64, 64]},
            seed=seed,
        )
        for seed in range(SEEDS)
    ]
    judge = make_vec_env("CartPole-v1", n_envs=EPISODES, seed=1000)
    for done in range(0, TOTAL, TURN):
        rate[0] = 1 - done / TOTAL
        returns = []
        for agent in agents:
            agent.learn(TURN, reset_num_timesteps=False)
            returns.append(evaluate_policy(agent, judge, n_eval_episodes=EPISODES)[0])
        print(f"step {done + TURN} mean {sum(map(float, returns)) / SEEDS:.1f}", flush=True)


if __name__ == "__main__":
    main()
