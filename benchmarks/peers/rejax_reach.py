"""Trains eight seeds of rejax's PPO on CartPole, with its settings for it, and says how they do.

A line every 5,000 environment steps of each seed: `step N mean R`, R over 64 episodes of each.
"""

from __future__ import annotations

from typing import Any

import jax
from rejax import get_algo
from rejax.evaluate import evaluate

SEEDS, ITERATIONS, EPISODES = 8, 10, 64


def main() -> None:
    """Train for 300,000 steps of each seed, or until stopped."""
    algorithm = get_algo("ppo").create(
        env="CartPole-v1",
        agent_kwargs={"activation": "tanh"},
        num_envs=5,
        num_steps=100,
        num_epochs=5,
        num_minibatches=5,
        learning_rate=7.5e-4,
        max_grad_norm=0.5,
        gamma=0.99,
        gae_lambda=0.95,
        clip_eps=0.2,
        ent_coef=0.01,
        vf_coef=0.5,
    )

    def mean_return(state: Any, key: jax.Array) -> jax.Array:
        act = algorithm.make_act(state)
        returns = evaluate(act, key, algorithm.env, algorithm.env_params, EPISODES, 500)[1]
        return returns.mean()

    @jax.jit
    def advance(state: Any, key: jax.Array) -> tuple[Any, jax.Array]:
        each = jax.vmap(algorithm.train_iteration)
        state = jax.lax.fori_loop(0, ITERATIONS, lambda _, state: each(state), state)
        return state, jax.vmap(mean_return)(state, jax.random.split(key, SEEDS)).mean()

    state = jax.jit(jax.vmap(algorithm.init_state))(jax.random.split(jax.random.PRNGKey(0), SEEDS))
    for number in range(1, 61):
        state, mean = advance(state, jax.random.PRNGKey(number))
        print(f"step {number * ITERATIONS * 500} mean {float(mean):.1f}", flush=True)


if __name__ == "__main__":
    main()
