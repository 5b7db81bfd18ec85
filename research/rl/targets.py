"""Target networks that follow the ones that learn."""

from __future__ import annotations

from typing import Any

import jax


def polyak(params: Any, target_params: Any, rate: jax.Array | float) -> Any:
    """τ θ + (1 - τ) θ', leaf by leaf.

    Args:
        params: θ, a pytree.
        target_params: θ', of the same structure.
        rate: τ, from 0 (nothing changes) to 1 (a copy).

    Source: Lillicrap et al. 2016 (arXiv 1509.02971), algorithm 1.
    """
    return jax.tree.map(lambda new, old: old + rate * (new - old), params, target_params)
