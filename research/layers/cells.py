"""Recurrent cells: one time step of a simple neuron, an LSTM and a GRU."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from research.layers.recurrence import Pull, Shares, Slope, States, Step

Others = dict[str, jax.Array]
"""Parameters of a cell beside its kernels and the inputs' bias, by name."""

EPSILON = 1e-5
"""Added to a variance before its root."""


class Cell(NamedTuple):
    """A kind of recurrent neuron.

    The inputs' shares are W x + b and the hidden state's U h, a pair of each for every gate,
    `[..., units]`.

    Attributes:
        gates: how many.
        states: how many arrays are carried; the first is the output.
        step: one time step, given the two products.
        prepare: (others, W x + b) -> the inputs' shares as `step` is given them; for all steps at
            once.
        init_bias: units -> b at the start, float32 `[gates * units]`.
        init_others: units -> the parameters that are neither W, U nor b, at the start.
        slope: of the step, where it follows from the states after it; None elsewhere.
    """

    gates: int
    states: int
    step: Step
    prepare: Callable[[Others, Shares], Shares]
    init_bias: Callable[[int], jax.Array]
    init_others: Callable[[int], Others]
    slope: Slope | None = None


def _as_it_is(others: Others, projected: Shares) -> Shares:
    del others
    return projected


def _nothing(units: int) -> Others:
    del units
    return {}


def _normalised(values: jax.Array, scale: jax.Array, offset: jax.Array) -> jax.Array:
    """Mean 0 and variance 1 over the last axis, before scale and offset (arXiv 1607.06450)."""
    centred = values - jnp.mean(values, axis=-1, keepdims=True)
    variance = jnp.mean(jnp.square(centred), axis=-1, keepdims=True)
    return centred * jax.lax.rsqrt(variance + EPSILON) * scale + offset


def _norm(name: str, width: int) -> Others:
    return {f"{name}_scale": jnp.ones(width), f"{name}_offset": jnp.zeros(width)}


def _by(name: str, others: Others, values: jax.Array) -> jax.Array:
    return _normalised(values, others[f"{name}_scale"], others[f"{name}_offset"])


def _together(name: str, others: Others, shares: Shares) -> Shares:
    """Shares of all gates, normalised as one vector."""
    whole = _by(name, others, jnp.concatenate(shares, axis=-1))
    return tuple(jnp.split(whole, len(shares), axis=-1))


def _inputs_normalised(others: Others, projected: Shares) -> Shares:
    return _together("input", others, projected)


def _simple_step(others: Others, projected: Shares, recurrent: Shares, states: States) -> States:
    del others, states
    return (jnp.tanh(projected[0] + recurrent[0]),)


def _through_tanh(slope: jax.Array, of_states: States) -> tuple[Others, Shares, Shares, States]:
    share = (of_states[0] * slope,)
    return {}, share, share, (jnp.zeros_like(slope),)


def _simple_slope(after: States) -> Pull:
    return jax.tree_util.Partial(_through_tanh, 1.0 - jnp.square(after[0]))


def _normalised_simple_step(
    others: Others, projected: Shares, recurrent: Shares, states: States
) -> States:
    del states
    return (jnp.tanh(_by("sum", others, projected[0] + recurrent[0])),)


SIMPLE = Cell(1, 1, _simple_step, _as_it_is, jnp.zeros, _nothing, _simple_slope)
"""h' = tanh(W x + b + U h) (Elman 1990)."""

NORMALISED_SIMPLE = Cell(
    1, 1, _normalised_simple_step, _as_it_is, jnp.zeros, lambda units: _norm("sum", units)
)
"""h' = tanh(LN(W x + b + U h)) (Ba et al. 2016, arXiv 1607.06450, eq. 4)."""


def _lstm(forget: jax.Array, enter: jax.Array, candidate: jax.Array, cell: jax.Array) -> jax.Array:
    return jax.nn.sigmoid(forget) * cell + jax.nn.sigmoid(enter) * jnp.tanh(candidate)


def _lstm_step(others: Others, projected: Shares, recurrent: Shares, states: States) -> States:
    del others
    enter, forget, candidate, leave = map(jnp.add, projected, recurrent)
    cell = _lstm(forget, enter, candidate, states[1])
    return jax.nn.sigmoid(leave) * jnp.tanh(cell), cell


def _peephole_step(others: Others, projected: Shares, recurrent: Shares, states: States) -> States:
    before = states[1]
    enter, forget, candidate, leave = map(jnp.add, projected, recurrent)
    enter, forget = enter + others["peep_enter"] * before, forget + others["peep_forget"] * before
    cell = _lstm(forget, enter, candidate, before)
    return jax.nn.sigmoid(leave + others["peep_leave"] * cell) * jnp.tanh(cell), cell


def _normalised_lstm_step(
    others: Others, projected: Shares, recurrent: Shares, states: States
) -> States:
    enter, forget, candidate, leave = map(
        jnp.add, projected, _together("recurrent", others, recurrent)
    )
    cell = _lstm(forget, enter, candidate, states[1])
    return jax.nn.sigmoid(leave) * jnp.tanh(_by("cell", others, cell)), cell


def _remembering(units: int) -> jax.Array:
    """1 for the forget gate, so that it starts open (Jozefowicz et al. 2015, section 2.2)."""
    return jnp.zeros(4 * units).at[units : 2 * units].set(1.0)


LSTM = Cell(4, 2, _lstm_step, _as_it_is, _remembering, _nothing)
"""i, f, o = σ(W x + b + U h) each, g = tanh(W x + b + U h), c' = f c + i g, h' = o tanh(c').

Gates lie as i, f, g, o. Hochreiter and Schmidhuber 1997; Gers et al. 2000 (forget gate).
"""

PEEPHOLE_LSTM = Cell(
    4,
    2,
    _peephole_step,
    _as_it_is,
    _remembering,
    lambda units: {f"peep_{gate}": jnp.zeros(units) for gate in ("enter", "forget", "leave")},
)
"""An LSTM whose gates see the cell: i and f see c, o sees c' (Gers and Schmidhuber 2000)."""

NORMALISED_LSTM = Cell(
    4,
    2,
    _normalised_lstm_step,
    _inputs_normalised,
    _remembering,
    lambda units: _norm("input", 4 * units) | _norm("recurrent", 4 * units) | _norm("cell", units),
)
"""An LSTM of LN(W x + b) + LN(U h), with h' = o tanh(LN(c')) (Ba et al. 2016, eq. 20 to 22)."""


def _gru(projected: Shares, recurrent: Shares, bias: jax.Array, hidden: jax.Array) -> jax.Array:
    reset = jax.nn.sigmoid(projected[0] + recurrent[0])
    keep = jax.nn.sigmoid(projected[1] + recurrent[1])
    candidate = jnp.tanh(projected[2] + reset * (recurrent[2] + bias))
    return (1.0 - keep) * candidate + keep * hidden


def _gru_step(others: Others, projected: Shares, recurrent: Shares, states: States) -> States:
    return (_gru(projected, recurrent, others["recurrent_bias"], states[0]),)


def _normalised_gru_step(
    others: Others, projected: Shares, recurrent: Shares, states: States
) -> States:
    return (_gru(projected, _together("recurrent", others, recurrent), jnp.float32(0), states[0]),)


GRU = Cell(
    3,
    1,
    _gru_step,
    _as_it_is,
    lambda units: jnp.zeros(3 * units),
    lambda units: {"recurrent_bias": jnp.zeros(units)},
)
"""r, z = σ(W x + b + U h) each, n = tanh(W x + b + r (U h + c)), h' = (1 - z) n + z h.

Gates lie as r, z, n. Cho et al. 2014 (arXiv 1406.1078), in the form of cuDNN, PyTorch and Keras,
where the reset gate acts after the product; c is the candidate's alone, for the other gates would
only add it to b.
"""

NORMALISED_GRU = Cell(
    3,
    1,
    _normalised_gru_step,
    _inputs_normalised,
    lambda units: jnp.zeros(3 * units),
    lambda units: _norm("input", 3 * units) | _norm("recurrent", 3 * units),
)
"""A GRU of LN(W x + b) and LN(U h) (Ba et al. 2016, eq. 27 to 30, in the form above)."""

CELLS = {
    "simple": SIMPLE,
    "normalised_simple": NORMALISED_SIMPLE,
    "lstm": LSTM,
    "peephole_lstm": PEEPHOLE_LSTM,
    "normalised_lstm": NORMALISED_LSTM,
    "gru": GRU,
    "normalised_gru": NORMALISED_GRU,
}
"""Name -> kind."""
