"""Environment steps per second of PPO as it is written in an afternoon: the yardstick.

CartPole-v1 of gymnax, one file, `vmap` over environments, `scan` over time, minibatches and epochs;
nothing of Encore. It resets where an episode ends, bootstraps nothing from a time limit, keeps no
statistics and measures no returns: whoever does more is to be no slower.
"""

from __future__ import annotations

import argparse
from functools import partial
from importlib.metadata import version
from typing import Any

import gymnax
import jax
import jax.numpy as jnp
import optax
from flax import linen as nn

from benchmarks.peers.serving import serve

DISCOUNT, TRACE, CLIP, EPOCHS = 0.98, 0.8, 0.2, 4


class Network(nn.Module):
    """Logits and a value from towers of 64-64 tanh."""

    @nn.compact
    def __call__(self, observation: jax.Array) -> tuple[jax.Array, jax.Array]:
        """For observations `[batch, 4]`."""

        def tower(outputs: int) -> jax.Array:
            hidden = nn.tanh(nn.Dense(64)(observation))
            return nn.Dense(outputs)(nn.tanh(nn.Dense(64)(hidden)))

        return tower(2), tower(1)[..., 0]


NETWORK, OPTIMISER = Network(), optax.chain(optax.clip_by_global_norm(0.5), optax.adam(1e-3))


def log_probability(logits: jax.Array, action: jax.Array) -> jax.Array:
    """Of what was done."""
    return jnp.take_along_axis(jax.nn.log_softmax(logits), action[..., None], -1)[..., 0]


def loss(params: Any, batch: Any) -> jax.Array:
    """Clipped surrogate and value error."""
    observation, action, before, advantage, target = batch
    logits, value = NETWORK.apply(params, observation)
    advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-8)
    ratio = jnp.exp(log_probability(logits, action) - before)
    clipped = jnp.clip(ratio, 1 - CLIP, 1 + CLIP)
    surrogate = jnp.minimum(ratio * advantage, clipped * advantage)
    return -surrogate.mean() + 0.5 * jnp.square(value - target).mean()


def make(environments: int, time: int, minibatches: int) -> Any:
    """Its init and its update."""
    environment, parameters = gymnax.make("CartPole-v1")

    def init(key: jax.Array) -> Any:
        keys = jax.random.split(key, environments)
        observation, states = jax.vmap(environment.reset, (0, None))(keys, parameters)
        params = NETWORK.init(key, observation)
        return params, OPTIMISER.init(params), states, observation, key

    def play(carry: Any, _: None) -> Any:
        params, states, observation, key = carry
        key, action_key, step_key = jax.random.split(key, 3)
        logits, value = NETWORK.apply(params, observation)
        action = jax.random.categorical(action_key, logits)
        keys = jax.random.split(step_key, environments)
        seen, states, reward, terminated, truncated, _ = jax.vmap(
            environment.step, (0, 0, 0, None)
        )(keys, states, action, parameters)
        kept = (observation, action, log_probability(logits, action), value, reward,
                terminated | truncated)  # fmt: skip
        return (params, states, seen, key), kept

    def update(carry: Any) -> Any:
        params, opt_state, states, observation, key = carry
        (_, states, observation, key), kept = jax.lax.scan(
            play, (params, states, observation, key), None, time
        )
        observations, action, before, value, reward, done = kept
        _, last = NETWORK.apply(params, observation)

        def back(carry: Any, step: Any) -> Any:
            advantage, following = carry
            reward, value, done = step
            delta = reward + DISCOUNT * following * (1 - done) - value
            advantage = delta + DISCOUNT * TRACE * (1 - done) * advantage
            return (advantage, value), advantage

        _, advantage = jax.lax.scan(
            back, (jnp.zeros_like(last), last), (reward, value, done), reverse=True
        )
        batch = (observations, action, before, advantage, advantage + value)
        flat = jax.tree.map(lambda x: x.reshape(environments * time, *x.shape[2:]), batch)

        def epoch(carry: Any, key: jax.Array) -> Any:
            order = jax.random.permutation(key, environments * time).reshape(minibatches, -1)

            def descend(carry: Any, chosen: jax.Array) -> Any:
                params, opt_state = carry
                gradient = jax.grad(loss)(params, jax.tree.map(lambda x: x[chosen], flat))
                change, opt_state = OPTIMISER.update(gradient, opt_state)
                return (optax.apply_updates(params, change), opt_state), None

            return jax.lax.scan(descend, carry, order)

        key, shuffle_key = jax.random.split(key)
        keys = jax.random.split(shuffle_key, EPOCHS)
        (params, opt_state), _ = jax.lax.scan(epoch, (params, opt_state), keys)
        return params, opt_state, states, observation, key

    return init, update


def main() -> None:
    """Serve rounds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--environments", type=int, default=4)
    parser.add_argument("--steps", type=int, default=128)
    parser.add_argument("--minibatches", type=int, default=4)
    parser.add_argument("--members", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=2.0, help="about the length of a round")
    options = parser.parse_args()
    init, update = make(options.environments, options.steps, options.minibatches)
    if options.members > 1:
        init, update = jax.vmap(init), jax.vmap(update)
    keys = jax.random.split(jax.random.key(0), options.members)
    state = jax.jit(init)(keys if options.members > 1 else keys[0])

    @partial(jax.jit, donate_argnums=0)
    def loop(state: Any, steps: int) -> Any:
        return jax.lax.fori_loop(0, steps, lambda _, state: update(state), state)

    def run(steps: int) -> None:
        nonlocal state
        state = jax.block_until_ready(loop(state, steps))

    what = f"plain PPO, gymnax {version('gymnax')}, JAX {jax.__version__}"
    per_update = options.members * options.environments * options.steps
    serve(what, run, per_update, options.seconds)


if __name__ == "__main__":
    main()
