"""How functions are traced: once however often they are used, or apart from what uses them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp


def traced_once(function: Callable[..., Any], static: tuple[int, ...] = ()) -> Callable[..., Any]:
    """The same function, of which JAX keeps what it came to for arguments of the same shapes.

    Its operations are written where it is called, not behind a call: the compiler is given the same
    program as without. Where arrays differ in shape or dtype, or devices share other work, it is
    traced again.

    Args:
        function: of arrays; it may close over some, for as long as it is used where these are.
        static: the places of arguments that are no arrays, but hashable.
    """
    return jax.jit(function, static_argnums=static, inline=True)


def materialised(make: Callable[[], Any], always: jax.Array) -> Any:
    """What `make` gives, in memory of its own before anything is computed with it.

    Were it fused with the arithmetic that uses it, the compiler's choice of fused multiply-adds
    there, and with it the last bit, would depend on how it was made. On CPU, where XLA drops
    `optimization_barrier`, a branch on a value that it cannot know keeps the two apart.

    Args:
        make: gives a pytree of arrays.
        always: bool scalar that is true, and that the compiler cannot know to be true.
    """
    make = traced_once(make)
    shapes = jax.eval_shape(make)
    if not jax.tree.leaves(shapes):
        return make()

    def apart() -> Any:
        nothing = partial(jax.tree.map, lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)
        return jax.lax.cond(always, make, nothing)

    return jax.lax.platform_dependent(
        cpu=apart, default=lambda: jax.lax.optimization_barrier(make())
    )
