"""Optimisers and schedules from optax whose every number is a traced value of the state."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
import optax

Schedule: TypeAlias = Callable[[jax.Array], jax.Array]
ScheduleName = Literal["constant", "cosine", "warmup_cosine", "one_cycle", "staircase"]
OptimizerName = Literal["sgd", "momentum", "adam", "adamw", "nadam", "rmsprop"]

DEFAULTS: Mapping[str, float] = {
    "momentum": 0.9,
    "first_moment_decay": 0.9,
    "second_moment_decay": 0.999,
    "epsilon": 1e-8,
    "weight_decay": 0.0,
    "squares_decay": 0.9,
}
"""What a hyper-parameter is where the state does not name it."""


def make_optimizer(
    name: OptimizerName,
    hyperparameters: Mapping[str, jax.Array],
    total_steps: int,
    schedule: ScheduleName = "constant",
    warmup_steps: int = 0,
) -> optax.GradientTransformation:
    """An optimiser built inside the trace, from the hyper-parameters in the state.

    Build it anew in each update, `make_optimizer(name, state.hyperparameters, ...)`: its
    functions close over tracers. Its state has the same structure whatever the numbers.

    Args:
        name: `sgd`; `momentum` (with `momentum`); `adam`, `nadam` and `adamw` (with
            `first_moment_decay`, `second_moment_decay`, `epsilon`; adamw with `weight_decay`);
            `rmsprop` (with `squares_decay` and `epsilon`).
        hyperparameters: name -> scalar. `learning_rate` is the schedule's peak; what is not there
            is taken from `DEFAULTS`; with `gradient_norm`, gradients are clipped to that global
            norm first. Other names are for others and left alone.
        total_steps: updates in the run, for the schedule.
        schedule: how the learning rate follows the step.
        warmup_steps: see `make_schedule`.

    Raises:
        ValueError: for an unknown name.
        KeyError: without a learning rate.

    Source: Kingma and Ba 2015 (Adam); Dozat 2016 (Nadam); Loshchilov and Hutter 2019 (AdamW);
    Tieleman and Hinton 2012 (RMSprop); Pascanu et al. 2013 (clipping by global norm).
    """

    def number(key: str) -> jax.Array:
        return jnp.asarray(hyperparameters.get(key, DEFAULTS[key]), jnp.float32)

    peak = jnp.asarray(hyperparameters["learning_rate"], jnp.float32)
    rate = make_schedule(schedule, peak, total_steps, warmup_steps)
    moments = {"b1": "first_moment_decay", "b2": "second_moment_decay", "eps": "epsilon"}
    match name:
        case "sgd":
            rule = optax.sgd(rate)
        case "momentum":
            rule = optax.sgd(rate, momentum=number("momentum"))
        case "adam":
            rule = optax.adam(rate, **{k: number(v) for k, v in moments.items()})
        case "nadam":
            rule = optax.nadam(rate, **{k: number(v) for k, v in moments.items()})
        case "adamw":
            rule = optax.adamw(
                rate,
                weight_decay=number("weight_decay"),
                **{k: number(v) for k, v in moments.items()},
            )
        case "rmsprop":
            rule = optax.rmsprop(rate, decay=number("squares_decay"), eps=number("epsilon"))
        case _:
            raise ValueError(f"no optimiser is called {name!r}")
    if "gradient_norm" in hyperparameters:
        return optax.chain(optax.clip_by_global_norm(hyperparameters["gradient_norm"]), rule)
    return rule


def make_schedule(
    name: ScheduleName, peak: jax.Array, total_steps: int, warmup_steps: int = 0
) -> Schedule:
    """A schedule (step -> float32 scalar) from optax, whose values follow a traced `peak`.

    Args:
        name: `constant`, after a linear warm-up if there is one;
            `cosine`, from the peak to 0 at `total_steps`;
            `warmup_cosine`, linearly from 0 to the peak, then by cosine to 0;
            `one_cycle`, linearly from peak / 25 to the peak, down to peak / 25 and on to
            peak / 250,000 over the last 15 %;
            `staircase`, from the peak to a tenth of it in eight values, each kept for three times
            as many steps as the one before.
        peak: the largest learning rate, scalar.
        total_steps: updates in the run.
        warmup_steps: updates before the peak; must be 0 for `cosine` and `staircase`, positive for
            `one_cycle`.

    Raises:
        ValueError: for an unknown name or steps that do not fit.

    Source: Loshchilov and Hutter 2017 (cosine); Smith and Topin 2018 (one cycle); Burda et al. 2015
    (arXiv 1509.00519), section 5 (staircase).
    """
    if not 0 <= warmup_steps <= total_steps:
        raise ValueError(f"warm-up of {warmup_steps} steps in a run of {total_steps}")
    shape = _shape(name, total_steps, warmup_steps)
    return lambda step: peak * shape(step)


def _shape(name: ScheduleName, total_steps: int, warmup_steps: int) -> Schedule:
    """The schedule of peak 1: optax branches on the peak, so it cannot be given a traced one."""
    match name:
        case "constant":
            if warmup_steps:
                return optax.linear_schedule(0.0, 1.0, warmup_steps)
            return optax.constant_schedule(1.0)
        case "cosine":
            if warmup_steps:
                raise ValueError("cosine has no warm-up; warmup_cosine has")
            return optax.cosine_decay_schedule(1.0, max(total_steps, 1))
        case "staircase":
            if warmup_steps:
                raise ValueError("staircase has no warm-up")
            ends = np.ceil([total_steps * (3**n - 1) / (3**8 - 1) for n in range(1, 8)])
            return lambda step: 10.0 ** (-jnp.sum(step >= ends.astype(np.int32)) / 7.0)
        case "warmup_cosine":
            return optax.warmup_cosine_decay_schedule(
                0.0, 1.0, warmup_steps, max(total_steps, warmup_steps + 1)
            )
        case "one_cycle":
            if not warmup_steps:
                raise ValueError("one_cycle needs warm-up steps")
            start = warmup_steps / total_steps
            return optax.linear_onecycle_schedule(
                total_steps, 1.0, pct_start=start, pct_final=max(0.85, (1 + start) / 2)
            )
    raise ValueError(f"no schedule is called {name!r}")
