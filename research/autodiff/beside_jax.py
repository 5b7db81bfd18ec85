"""An expression differentiated by JAX in float64, to stand beside our own ways."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from research.autodiff.programs import WORDS, Words, as_program
from research.autodiff.symbolic import Expression
from research.autodiff.ways import Way, make_way

JAX_WORDS: Words = {
    **WORDS,
    "divide": jnp.divide,
    "power": jnp.power,
    "exp": jnp.exp,
    "log": jnp.log,
    "sqrt": jnp.sqrt,
    "sin": jnp.sin,
    "cos": jnp.cos,
    "tan": jnp.tan,
    "tanh": jnp.tanh,
    "abs": jnp.abs,
    "sign": jnp.sign,
    "max": jnp.maximum,
    "min": jnp.minimum,
    "less": lambda x, y: jnp.where(x < y, 1.0, 0.0),
    "where": lambda c, x, y: jnp.where(c != 0, x, y),
}


def differentiate_by_jax(
    expression: Expression, names: Sequence[str], point: np.ndarray
) -> tuple[Way, np.ndarray]:
    """The gradient by `jax.grad` and the Hessian by `jax.hessian`.

    Args:
        expression: with these variables and no others.
        names: of the variables.
        point: float64 `[variables]`.

    Returns:
        The gradient as one of the ways, and float64 `[variables, variables]`.
    """
    program = as_program(expression, names, JAX_WORDS)

    def f(x: jax.Array) -> Any:
        return jnp.asarray(program(*x), x.dtype)

    with jax.enable_x64(True):
        # One program: operation by operation, compiling would take seven times as long.
        both = jax.jit(lambda x: (jax.grad(f)(x), jax.hessian(f)(x)))
        gradient, hessian = map(np.asarray, both(jnp.asarray(point, jnp.float64)))
    return make_way("jax.grad", gradient, "1 pass and back"), hessian
