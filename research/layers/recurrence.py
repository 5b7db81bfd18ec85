"""The loop of recurrent layers, with a gradient that forms those of weights after the loop."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, reduce
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

States = tuple[jax.Array, ...]
"""A layer's states, each `[batch, units]`; the first is the hidden state, its output."""

Shares = tuple[jax.Array, ...]
"""A product's share of each gate's input, a gate an array `[..., units]`. Apart, they and the
states are of one shape, and a step is one vectorised loop: three times faster on CPU
than with slices of one array."""

Step = Callable[[Any, Shares, Shares, States], States]
"""(parameters beside the kernels, the inputs' shares, the hidden state's shares, each `[batch,
units]`, states) -> states: all that a layer computes in a time step but products."""

Pull = Callable[[States], tuple[Any, Shares, Shares, States]]
"""A gradient by a step's states -> those by its arguments, in their order; a pytree."""

Slope = Callable[[States], Pull]
"""The states after a step -> its derivative there, of a cell where it follows from these alone."""

WIDE = 64
"""Units from which on each gate has a product of its own, kept for the loop backwards.

The products of narrower layers cost little more than starting them: there all kernels are one, and
the products are made once more, those of all steps at once."""


class Interruptions(NamedTuple):
    """Steps at which the loop does not simply go on.

    Attributes:
        held: bool `[time, batch]`, steps at which the states stay as they are, as where a
            sequence is padded; nowhere if None.
        fresh: bool `[time, batch]`, steps before which the states are 0, whatever came earlier;
            nowhere if None.
    """

    held: jax.Array | None = None
    fresh: jax.Array | None = None


@partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def recur(
    step: Step,
    slope: Slope | None,
    kernels: Shares,
    others: Any,
    projected: Shares,
    states: States,
    interruptions: Interruptions,
    dropped: jax.Array | None = None,
) -> tuple[jax.Array, States]:
    """The hidden states over a stretch of time.

    Reverse mode alone. The loop backwards holds operations linear in the gradient and no others,
    and the kernels' gradients are one product each over all steps after it, where automatic
    differentiation would compute tanh and σ in the loop and add one product a step.

    Args:
        step: one time step.
        slope: its derivative, where it need not be computed again for that; else None.
        kernels: float `[units, units]` each, by which the hidden state's shares are found.
        others: a pytree, parameters that `step` is given.
        projected: float `[time, batch, units]` each, the inputs' shares.
        states: before the first step.
        interruptions: of the loop.
        dropped: float `[batch, units]`, by which the hidden state is multiplied before the product,
            the same at each step (recurrent dropout; Gal and Ghahramani 2016, arXiv 1512.05287);
            None for no dropout.

    Returns:
        Hidden states after each step, `[time, batch, units]`, and all states after the last.
    """
    del slope
    turn = _turn(step, kernels, others, dropped)

    def one(states: States, given: tuple[Shares, Interruptions]) -> tuple[States, jax.Array]:
        states, _ = turn(states, given)
        return states, states[0]

    last, hidden = jax.lax.scan(one, states, (projected, interruptions))
    return hidden, last


def _forwards(
    step: Step,
    slope: Slope | None,
    kernels: Shares,
    others: Any,
    projected: Shares,
    states: States,
    interruptions: Interruptions,
    dropped: jax.Array | None,
) -> tuple[tuple[jax.Array, States], Any]:
    turn = _turn(step, kernels, others, dropped)
    needed = slope is None and is_wide(kernels[0].shape[0])

    def one(states: States, given: tuple[Shares, Interruptions]) -> tuple[States, Any]:
        states, recurrent = turn(states, given)
        return states, (states, recurrent if needed else None)

    last, (after, recurrent) = jax.lax.scan(one, states, (projected, interruptions))
    kept = kernels, others, projected, states, interruptions, dropped, after, recurrent
    return (after[0], last), kept


def _backwards(
    step: Step, slope: Slope | None, kept: Any, gradients: tuple[jax.Array, States]
) -> tuple[Any, ...]:
    kernels, others, projected, states, interruptions, dropped, after, recurrent = kept
    of_hidden, of_last = gradients
    earlier = tuple(
        jnp.concatenate([first[None], later[:-1]])
        for first, later in zip(states, after, strict=True)
    )
    before = _begun(earlier, interruptions.fresh)
    hidden = _dropped(before[0], dropped)

    def linear(projected: Shares, recurrent: Shares, before: States) -> Any:
        return jax.vjp(step, others, projected, recurrent, before)[1]

    # All that is not linear in the gradient is found for all steps at once, before the loop.
    if slope is not None:
        pull = jax.vmap(slope)(after)
    else:
        if recurrent is None:
            recurrent = _shares(hidden, kernels)
        pull = jax.vmap(linear)(projected, recurrent, before)

    def one(of_states: States, given: Any) -> tuple[States, States]:
        of_hidden, pull, interruptions = given
        of_states = (of_states[0] + of_hidden, *of_states[1:])
        moving = _begun(of_states, interruptions.held)
        _, _, of_recurrent, of_before = pull(moving)
        through = _dropped(_back(of_recurrent, kernels), dropped)
        of_before = (of_before[0] + through, *of_before[1:])
        of_before = _held(of_before, of_states, interruptions.held)
        return _begun(of_before, interruptions.fresh), moving

    of_states, moving = jax.lax.scan(one, of_last, (of_hidden, pull, interruptions), reverse=True)
    # So are the gradients of the loop's arguments.
    of_others, of_projected, of_recurrent, _ = jax.vmap(lambda pull, of: pull(of))(pull, moving)
    of_others = jax.tree.map(lambda leaf: jnp.sum(leaf, axis=0), of_others)
    of_kernels = _of_kernels(hidden, of_recurrent)
    of_dropped = None
    if dropped is not None:
        of_dropped = jnp.sum(before[0] * _back(of_recurrent, kernels), axis=0)
    return of_kernels, of_others, of_projected, of_states, None, of_dropped


def by_rows(inputs: jax.Array, kernel: jax.Array) -> jax.Array:
    """Inputs `[..., features]` times a kernel `[features, units]`, as one matrix of rows.

    Then the kernel's gradient is a product of two matrices, too: on CPU up to twice as fast as that
    over two axes.
    """
    rows = inputs.reshape(-1, inputs.shape[-1]) @ kernel
    return rows.reshape(*inputs.shape[:-1], kernel.shape[-1])


def is_wide(units: int) -> bool:
    """Whether a layer's gates have products of their own."""
    return units >= WIDE


def _shares(hidden: jax.Array, kernels: Shares) -> Shares:
    """The products with all kernels."""
    if is_wide(kernels[0].shape[0]):
        return tuple(hidden @ kernel for kernel in kernels)
    return _apart(by_rows(hidden, jnp.concatenate(kernels, axis=1)), len(kernels))


def _apart(together: jax.Array, gates: int) -> Shares:
    return tuple(jnp.split(together, gates, axis=-1))


def _of_kernels(hidden: jax.Array, shares: Shares) -> Shares:
    """The kernels' gradients from those of the shares of all steps."""
    if is_wide(hidden.shape[-1]):
        return tuple(jnp.einsum("tbu,tbv->uv", hidden, share) for share in shares)
    together = jnp.concatenate(shares, axis=-1)
    rows = (leaf.reshape(-1, leaf.shape[-1]) for leaf in (hidden, together))
    return _apart(jnp.einsum("ru,rv->uv", *rows), len(shares))


def _back(shares: Shares, kernels: Shares) -> jax.Array:
    """The gradient of the kernels' input, from those of the shares."""
    if is_wide(kernels[0].shape[0]):
        products = (share @ kernel.T for share, kernel in zip(shares, kernels, strict=True))
        return reduce(jnp.add, products)
    return jnp.concatenate(shares, axis=-1) @ jnp.concatenate(kernels, axis=1).T


def _turn(
    step: Step, kernels: Shares, others: Any, dropped: jax.Array | None
) -> Callable[[States, tuple[Shares, Interruptions]], tuple[States, Shares]]:
    """(states, a step's inputs and interruptions) -> states, shares of the hidden one before."""

    def turn(states: States, given: tuple[Shares, Interruptions]) -> tuple[States, Shares]:
        projected, interruptions = given
        before = _begun(states, interruptions.fresh)
        hidden = _dropped(before[0], dropped)
        recurrent = _shares(hidden, kernels)
        after = _held(step(others, projected, recurrent, before), before, interruptions.held)
        return after, recurrent

    return turn


def _begun(states: States, fresh: jax.Array | None) -> States:
    """The states, 0 where something is fresh."""
    if fresh is None:
        return states
    return tuple(jnp.where(fresh[..., None], 0.0, state) for state in states)


def _held(after: States, before: States, held: jax.Array | None) -> States:
    if held is None:
        return after
    return tuple(jnp.where(held[:, None], old, new) for old, new in zip(before, after, strict=True))


def _dropped(hidden: jax.Array, dropped: jax.Array | None) -> jax.Array:
    return hidden if dropped is None else hidden * dropped


recur.defvjp(_forwards, _backwards)
