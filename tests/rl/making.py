"""What tests of algorithms share: an experiment in an environment that no name stands for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

import jax
import jax.numpy as jnp

from research.engine.experiment import Experiment
from research.options.config import Config, floats, make_experiment
from research.rl.environments.interface import Environment

Chosen = TypeVar("Chosen", bound=Config)


def experiment_in(
    environment: Environment, make: Callable[[Environment, Chosen], Experiment], config: Chosen
) -> Experiment:
    """`make(environment, config)`, with floats that are traced as in a run."""
    return make_experiment(config, partial(make, environment))


def traced(config: Any, **changes: float) -> dict[str, jax.Array]:
    """The hyper-parameters of a config, some of them changed."""
    return {n: jnp.float32(value) for n, value in floats(replace(config, **changes)).items()}


def run(experiment: Experiment, values: dict[str, jax.Array], updates: int) -> Any:
    """The state after so many updates; to be compiled."""
    start = experiment.init(jax.random.key(0), values)
    keys = jax.random.split(jax.random.key(0), updates)
    return jax.lax.scan(lambda s, k: (experiment.update(s, None, k)[0], None), start, keys)[0]
