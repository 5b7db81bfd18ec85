"""Environment steps per second of rejax's PPO on CartPole-v1, evaluation off.

4 environments, 128 steps, 4 epochs, 4 minibatches, 64-64 tanh: its `train_iteration` in one
jitted loop. `--members N` trains N seeds at once by `vmap`, as its documentation does.
"""

from __future__ import annotations

import argparse
from functools import partial
from importlib.metadata import version
from typing import Any

import jax
from rejax import get_algo
from serving import serve

ENVIRONMENTS, STEPS = 4, 128


def main() -> None:
    """Serve rounds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--members", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=2.0, help="about the length of a round")
    options = parser.parse_args()
    algorithm = get_algo("ppo").create(
        env="CartPole-v1",
        agent_kwargs={"activation": "tanh"},
        num_envs=ENVIRONMENTS,
        num_steps=STEPS,
        num_epochs=4,
        num_minibatches=4,
        learning_rate=1e-3,
        gamma=0.98,
        gae_lambda=0.8,
        ent_coef=0.0,
        max_grad_norm=0.5,
    )

    @partial(jax.jit, donate_argnums=0)
    def loop(state: Any, steps: int) -> Any:
        # The bound is not mapped: a bound of each member's own would compute more than it needs.
        one = algorithm.train_iteration
        each = jax.vmap(one) if options.members > 1 else one
        return jax.lax.fori_loop(0, steps, lambda _, state: each(state), state)

    if options.members > 1:
        keys = jax.random.split(jax.random.PRNGKey(0), options.members)
        state = jax.jit(jax.vmap(algorithm.init_state))(keys)
    else:
        state = jax.jit(algorithm.init_state)(jax.random.PRNGKey(0))

    def run(steps: int) -> None:
        nonlocal state
        state = jax.block_until_ready(loop(state, steps))

    what = f"rejax {version('rejax')}, gymnax {version('gymnax')}, JAX {jax.__version__}"
    serve(what, run, options.members * ENVIRONMENTS * STEPS, options.seconds)


if __name__ == "__main__":
    main()
