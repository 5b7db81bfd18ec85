"""The loop that recurrent layers share, with a gradient that forms their weights' after it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

States = tuple[jax.Array, ...]
"""What a layer remembers, each `[batch, units]`; the first is the hidden state, its output."""

Step = Callable[[Any, jax.Array, jax.Array, States], States]
"""(parameters beside the kernels, the inputs' share `[batch, gates]`, the hidden state's share
`[batch, gates]`, states) -> states: all that a layer computes in a time step but products."""


class Interruptions(NamedTuple):
    """Where the loop does not simply go on.

    Attributes:
        held: bool `[time, batch]`, steps at which the states stay what they are, as where a
            sequence is padded; nowhere if None.
        fresh: bool `[time, batch]`, steps before which the states are 0, whatever came earlier;
            nowhere if None.
    """

    held: jax.Array | None = None
    fresh: jax.Array | None = None


def recur(
    step: Step,
    kernel: jax.Array,
    others: Any,
    projected: jax.Array,
    states: States,
    interruptions: Interruptions,
    dropped: jax.Array | None = None,
) -> tuple[jax.Array, States]:
    """The hidden states over a stretch of time.

    Reverse mode alone: the loop backwards finds the gradient by what each step's products gave, and
    the kernel's gradient is one product over all steps after it, where automatic differentiation
    would add one product a step.

    Args:
        step: what is computed in one time step.
        kernel: float `[units, gates]`, by which the hidden state's share is found.
        others: a pytree, parameters that `step` is given.
        projected: float `[time, batch, gates]`, the inputs' share.
        states: before the first step.
        interruptions: of the loop.
        dropped: float `[batch, units]`, by which the hidden state is multiplied before the product,
            the same at each step (recurrent dropout; Gal and Ghahramani 2016, arXiv 1512.05287);
            None for no dropout.

    Returns:
        Hidden states after each step, `[time, batch, units]`, and all states after the last.
    """
    return _recur(step, kernel, others, projected, states, interruptions, dropped)


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _recur(
    step: Step,
    kernel: jax.Array,
    others: Any,
    projected: jax.Array,
    states: States,
    interruptions: Interruptions,
    dropped: jax.Array | None,
) -> tuple[jax.Array, States]:
    turn = _turn(step, kernel, others, dropped)

    def one(states: States, now: tuple[jax.Array, Interruptions]) -> tuple[States, jax.Array]:
        states, _ = turn(states, now)
        return states, states[0]

    last, hidden = jax.lax.scan(one, states, (projected, interruptions))
    return hidden, last


def _forwards(
    step: Step,
    kernel: jax.Array,
    others: Any,
    projected: jax.Array,
    states: States,
    interruptions: Interruptions,
    dropped: jax.Array | None,
) -> tuple[tuple[jax.Array, States], Any]:
    turn = _turn(step, kernel, others, dropped)

    def one(states: States, now: tuple[jax.Array, Interruptions]) -> tuple[States, Any]:
        states, (before, recurrent) = turn(states, now)
        return states, (states[0], before, recurrent)

    last, (hidden, before, recurrent) = jax.lax.scan(one, states, (projected, interruptions))
    kept = kernel, others, projected, interruptions, dropped, before, recurrent
    return (hidden, last), kept


def _backwards(step: Step, kept: Any, gradients: tuple[jax.Array, States]) -> tuple[Any, ...]:
    kernel, others, projected, interruptions, dropped, before, recurrent = kept
    of_hidden, of_last = gradients

    def one(carry: tuple[States, Any], now: Any) -> tuple[tuple[States, Any], Any]:
        of_states, of_others = carry
        of_hidden, projected, recurrent, before, interruptions = now
        of_states = (of_states[0] + of_hidden, *of_states[1:])
        _, pull = jax.vjp(step, others, projected, recurrent, before)
        moving = _begun(of_states, interruptions.held)
        added, of_projected, of_recurrent, of_before = pull(moving)
        through = _dropped(of_recurrent @ kernel.T, dropped)
        of_before = (of_before[0] + through, *of_before[1:])
        if interruptions.held is not None:
            held = interruptions.held[:, None]
            of_before = tuple(
                jnp.where(held, stays, goes)
                for stays, goes in zip(of_states, of_before, strict=True)
            )
        of_before = _begun(of_before, interruptions.fresh)
        of_others = jax.tree.map(jnp.add, of_others, added)
        return (of_before, of_others), (of_projected, of_recurrent)

    nothing = jax.tree.map(jnp.zeros_like, others)
    steps = of_hidden, projected, recurrent, before, interruptions
    (of_states, of_others), (of_projected, of_recurrent) = jax.lax.scan(
        one, (of_last, nothing), steps, reverse=True
    )
    # One product over all steps: a step's own would be too small to be worth its start.
    of_kernel = jnp.einsum("tbu,tbg->ug", _dropped(before[0], dropped), of_recurrent)
    of_dropped = None
    if dropped is not None:
        of_dropped = jnp.sum(before[0] * (of_recurrent @ kernel.T), axis=0)
    return of_kernel, of_others, of_projected, of_states, None, of_dropped


def _turn(
    step: Step, kernel: jax.Array, others: Any, dropped: jax.Array | None
) -> Callable[[States, tuple[jax.Array, Interruptions]], tuple[States, Any]]:
    """(states, what comes) -> states, and those that the step began with and their share."""

    def turn(states: States, now: tuple[jax.Array, Interruptions]) -> tuple[States, Any]:
        projected, interruptions = now
        before = _begun(states, interruptions.fresh)
        recurrent = _dropped(before[0], dropped) @ kernel
        after = _held(step(others, projected, recurrent, before), before, interruptions.held)
        return after, (before, recurrent)

    return turn


def _begun(states: States, fresh: jax.Array | None) -> States:
    """The states, 0 where something is fresh."""
    if fresh is None:
        return states
    return tuple(jnp.where(fresh[:, None], 0.0, state) for state in states)


def _held(after: States, before: States, held: jax.Array | None) -> States:
    if held is None:
        return after
    return tuple(jnp.where(held[:, None], old, new) for old, new in zip(before, after, strict=True))


def _dropped(hidden: jax.Array, dropped: jax.Array | None) -> jax.Array:
    return hidden if dropped is None else hidden * dropped


_recur.defvjp(_forwards, _backwards)
