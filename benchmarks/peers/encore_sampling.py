"""Images per second that a diffusion of Encore draws, untrained: what it draws takes no time."""

from __future__ import annotations

import dataclasses

from research.engine import environment


def main() -> None:
    """Serve rounds."""
    environment.settle_environment()

    import jax
    import jax.numpy as jnp

    from benchmarks.peers.serving import generative_arguments, serve
    from research.engine.experiment import traced
    from research.generative.sampling import Way
    from research.options.catalog import catalog, load, resolve

    options = generative_arguments(__doc__ or "").parse_args()
    named = load(resolve("generative/ddpm", catalog()))
    experiment = named.make(dataclasses.replace(named.config, features=""))
    state = jax.jit(experiment.init)(jax.random.key(0), traced(experiment.hyperparameters))
    draw = jax.jit(experiment.offers["sampler"].draw(Way()))
    label, done = jnp.zeros(options.batch, jnp.int32), 0

    def run(steps: int) -> None:
        nonlocal done
        for _ in range(steps):
            made = draw(state, label, jax.random.fold_in(jax.random.key(1), done))
            done += 1
        jax.block_until_ready(made)

    serve(f"Encore, JAX {jax.__version__}", run, options.batch, options.seconds)


if __name__ == "__main__":
    main()
