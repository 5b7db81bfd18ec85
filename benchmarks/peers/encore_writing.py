"""Characters per second that a character model of Encore writes, as `sample` lets it."""

from __future__ import annotations

import argparse

from research.engine import environment


def main() -> None:
    """Serve rounds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", help="a named experiment")
    parser.add_argument("--seconds", type=float, default=2.0, help="about the length of a round")
    options = parser.parse_args()
    environment.settle_environment()

    import jax
    import jax.numpy as jnp

    from benchmarks.peers.serving import serve
    from research.engine.experiment import traced
    from research.options.catalog import catalog, load, resolve
    from research.sequence.characters.writing import CHUNK, Sampling, begin_text, follow

    named = load(resolve(options.name, catalog()))
    experiment = named.make(named.config)
    state = jax.jit(experiment.init)(jax.random.key(0), traced(experiment.hyperparameters))
    writer = experiment.offers["writer"]
    memory = jax.jit(lambda state: begin_text(writer, state, jnp.zeros((1, 1), int)))(state)
    go_on = follow(writer, CHUNK)
    done = 0

    def run(chunks: int) -> None:
        nonlocal memory, done
        for _ in range(chunks):
            memory, chosen = go_on(state, memory, jnp.int32(done), Sampling(0.8), jax.random.key(1))
            chosen.block_until_ready()  # each chunk is shown before the next is begun
            done += CHUNK

    serve(f"Encore, JAX {jax.__version__}", run, CHUNK, options.seconds)


if __name__ == "__main__":
    main()
