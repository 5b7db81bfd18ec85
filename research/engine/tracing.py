"""Functions that are traced once, however often a program uses them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax


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
