"""Learning rates as functions of the step, with a traced peak."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeAlias

import jax
import optax

Schedule: TypeAlias = Callable[[jax.Array], jax.Array]
ScheduleName = Literal["constant", "cosine", "warmup_cosine", "one_cycle"]


def make_schedule(
    name: ScheduleName, peak: jax.Array, total_steps: int, warmup_steps: int = 0
) -> Schedule:
    """A schedule (step -> float32 scalar) from optax, whose values follow a traced `peak`.

    Args:
        name: `constant`, after a linear warm-up if there is one;
            `cosine`, from the peak to 0 at `total_steps`;
            `warmup_cosine`, linearly from 0 to the peak, then by cosine to 0;
            `one_cycle`, linearly from peak / 25 to the peak, down to peak / 25 and on to
            peak / 250,000 over the last 15 %.
        peak: the largest learning rate, scalar.
        total_steps: updates in the run.
        warmup_steps: updates before the peak; must be 0 for `cosine`, positive for `one_cycle`.

    Raises:
        ValueError: for an unknown name or steps that do not fit.

    Source: Loshchilov and Hutter 2017 (cosine); Smith and Topin 2018 (one cycle).
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
