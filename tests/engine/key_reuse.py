"""Finds keys that are used twice, in two ways that complete each other.

JAX's own checker reads the program and sees a key that is consumed twice, but takes two
`fold_in(key, 1)` for two keys. A generator that notes each key that bits are drawn from sees these
too, but only on the path that is run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental.key_reuse._core import check_key_reuse
from jax.extend import random as extended

from research.engine import keys
from research.engine.experiment import Experiment, traced
from research.engine.program import Program

_DRAWN: Counter[bytes] = Counter()
_THREEFRY = extended.threefry_prng_impl


def _note(data: Any) -> None:
    _DRAWN[np.asarray(data).tobytes()] += 1


def _bits(data: jax.Array, bit_width: int, shape: tuple[int, ...]) -> jax.Array:
    jax.debug.callback(_note, data)
    return _THREEFRY.random_bits(data, bit_width, shape)


NOTING = extended.define_prng_impl(
    key_shape=_THREEFRY.key_shape,
    seed=_THREEFRY.seed,
    split=_THREEFRY.split,
    random_bits=_bits,
    fold_in=_THREEFRY.fold_in,
    name="noting",
)
"""Threefry that notes each key from which bits are drawn."""


class KeyUsedTwice(AssertionError):
    pass


def noted(key: jax.Array) -> jax.Array:
    """The same key, of the generator that notes."""
    return jax.random.wrap_key_data(jax.random.key_data(key), impl=NOTING)


def check_drawn(function: Callable[..., Any], *arguments: Any) -> None:
    """Run a function whose keys are `noted`; raises KeyUsedTwice where one is drawn from twice."""

    def draw(*arguments: Any) -> jax.Array:
        # The compiler drops the barrier, and then whatever serves the result alone.
        return jax.lax.optimization_barrier((function(*arguments), jnp.int32(0)))[1]

    jax.effects_barrier()
    _DRAWN.clear()
    # What is drawn is the same however slowly, and an optimised program takes longer to make.
    options = {"xla_backend_optimization_level": 0, "xla_cpu_use_fusion_emitters": False}
    jax.block_until_ready(jax.jit(draw, compiler_options=options)(*arguments))
    jax.effects_barrier()
    twice = [key for key, times in _DRAWN.items() if times > 1]
    if twice:
        raise KeyUsedTwice(f"{len(twice)} of {len(_DRAWN)} keys were drawn from more than once")


def check_program(function: Callable[..., Any], *arguments: Any) -> None:
    """Let JAX's checker read a function's program; raises `jax.errors.KeyReuseError`."""
    check_key_reuse(function, *arguments)


def check_keys(experiment: Experiment, program: Program) -> None:
    """Check an experiment's three functions in both ways, two steps of it together."""
    values = traced(experiment.hyperparameters)
    feed = program.feed
    arrays = next(iter(feed.windows(0, 0, 1))).arrays if experiment.steps else None
    splits = (*experiment.watched, *experiment.final)
    batch = next(iter(feed.evaluation(splits[0]))) if splits else None

    def two_steps(init_key: Any, update_key: Any, evaluate_key: Any) -> Any:
        state = experiment.init(init_key, values)

        def one_step(step: jax.Array, state: Any) -> Any:
            fed = feed.batch(arrays, jnp.uint32(0), step)
            # The program's is traced already.
            return program.experiment.update(state, fed, keys.at_step(update_key, step))[0]

        # A loop, so that two steps cost the compilation of one.
        if experiment.steps:
            state = jax.lax.fori_loop(0, 2, one_step, state)
        return experiment.evaluate(state, batch, evaluate_key) if splits else state

    streams = [keys.stream(0, "init"), keys.stream(0, "update"), keys.stream(0, "evaluate")]
    check_program(two_steps, *streams)
    check_drawn(two_steps, *map(noted, streams))
