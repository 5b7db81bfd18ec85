"""Where the time of PPO goes on this device: environment, acting, shuffling, learning.

    python -m benchmarks.ppo_parts --environments 2048

CartPole-v1, 128 steps a rollout, 4 epochs of 4 minibatches, 64-64 tanh. Each part is compiled by
itself and run again and again; what is left of an update after the parts is the gradient steps.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from research.engine.environment import settle_environment
from research.engine.keys import stream
from research.options.config import make_experiment
from research.rl.advantages import Examples
from research.rl.algorithms.ppo import PPO
from research.rl.environments.registered import make_environment
from research.rl.minibatches import shuffled_minibatches, take
from research.rl.rollout import collect, start, step_all

STEPS = 128


def seconds_each(part: Callable[[Any, jax.Array], Any], carry: Any, repeats: int) -> float:
    """Seconds of `part` (carry, key) -> carry, compiled, in a loop of so many."""

    @jax.jit
    def many(carry: Any, key: jax.Array) -> Any:
        return jax.lax.scan(
            lambda carry, key: (part(carry, key), None), carry, jax.random.split(key, repeats)
        )[0]

    jax.block_until_ready(many(carry, jax.random.key(0)))
    began = time.perf_counter()
    jax.block_until_ready(many(carry, jax.random.key(1)))
    return (time.perf_counter() - began) / repeats


def parts(environments: int, repeats: int) -> dict[str, float]:
    """Part -> seconds of one update that it takes."""
    environment = make_environment("CartPole-v1")
    batch = environments * STEPS
    config = PPO(
        environments=environments,
        rollout_steps=STEPS,
        minibatch_size=batch // 4,
        environment_steps=10**9 * batch,
    )
    experiment = make_experiment(config)
    values = {name: jnp.float32(value) for name, value in experiment.hyperparameters.items()}
    state = jax.jit(experiment.init)(stream(0, "init"), values)
    episodes = jax.jit(lambda key: start(environment, key, environments))(jax.random.key(0))
    agent = experiment.offers["agent"]

    def stepping(episodes: Any, key: jax.Array) -> Any:
        keys = jax.random.split(key, (STEPS, environments))
        action = jnp.zeros(environments, jnp.int32)

        def step(episodes: Any, keys: jax.Array) -> Any:
            return step_all(environment, episodes, action, keys)

        episodes, trajectory = jax.lax.scan(step, episodes, keys)
        # Whatever is not used is not computed.
        return episodes._replace(observations=episodes.observations + trajectory.reward[0, 0] * 0)

    def acting(episodes: Any, key: jax.Array) -> Any:
        return collect(environment, agent.policy(state), episodes, key, STEPS)[0]

    one = jnp.zeros((1, batch))
    examples = Examples(jnp.zeros((1, batch, 4)), one.astype(jnp.int32), one, one, one)

    def shuffling(total: jax.Array, key: jax.Array) -> jax.Array:
        order = shuffled_minibatches(key, batch, batch // 4, 4, 1)

        def one_minibatch(total: jax.Array, chosen: jax.Array) -> Any:
            return total + sum(leaf.sum() for leaf in jax.tree.leaves(take(examples, chosen))), None

        return jax.lax.scan(one_minibatch, total, order)[0]

    def update(state: Any, key: jax.Array) -> Any:
        return experiment.update(state, None, key)[0]

    return {
        "environment": seconds_each(stepping, episodes, repeats),
        "environment and acting": seconds_each(acting, episodes, repeats),
        "shuffling": seconds_each(shuffling, jnp.float32(0), repeats),
        "whole update": seconds_each(update, state, repeats),
    }


def main() -> None:
    """Times the parts and prints a line each."""
    settle_environment()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--environments", type=int, default=2048)
    parser.add_argument("--repeats", type=int, default=20)
    asked = parser.parse_args()
    found = parts(asked.environments, asked.repeats)
    whole = found["whole update"]
    print(f"{jax.devices()[0].device_kind}, {asked.environments} environments x {STEPS} steps")
    for name, seconds in found.items():
        print(f"{name}: {seconds * 1e3:.2f} ms, {seconds / whole:.0%}")
    print(f"environment steps a second: {asked.environments * STEPS / whole:,.0f}")


if __name__ == "__main__":
    main()
