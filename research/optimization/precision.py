"""Mixed precision: what is stored in which dtype, and what is computed in which."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp


class Precision(NamedTuple):
    """Parameters and the loss stay float32; the model computes in `compute`.

    Attributes:
        compute: the dtype of parameters and inputs inside the model.

    Source: Micikevicius et al. 2018, "Mixed precision training", section 3.1 (a float32 master
    copy of the weights). bfloat16 has the range of float32, so no loss scaling is needed.
    """

    compute: Any

    def for_compute(self, tree: Any) -> Any:
        """The tree with its floating leaves in `compute`; integers, bools and keys untouched."""
        return _cast(tree, self.compute)

    def for_loss(self, tree: Any) -> Any:
        """The tree with its floating leaves in float32: what losses and metrics are made from."""
        return _cast(tree, jnp.float32)


PrecisionName: TypeAlias = Literal["float32", "bfloat16"]

PRECISIONS: dict[PrecisionName, Precision] = {
    "float32": Precision(jnp.float32),
    "bfloat16": Precision(jnp.bfloat16),
}
"""Name -> precision, as a config spells it."""


def _cast(tree: Any, dtype: Any) -> Any:
    def cast(leaf: Any) -> Any:
        leaf = jnp.asarray(leaf)
        return leaf.astype(dtype) if jnp.issubdtype(leaf.dtype, jnp.floating) else leaf

    return jax.tree.map(cast, tree)
