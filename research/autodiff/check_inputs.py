"""What the gradient checker is given, refused where it cannot be checked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from research.autodiff.trees import leaves, rebuild


def read_params(params: Any) -> tuple[list[str], list[np.ndarray]]:
    """Names and values, in float64, of the arrays that hold any number."""
    names, arrays = [], []
    for name, leaf in leaves(params, "params"):
        array = np.asarray(leaf)
        if not np.issubdtype(array.dtype, np.floating) and array.dtype.name != "bfloat16":
            raise ValueError(f"{name} holds {array.dtype}: only floats have a gradient")
        if not array.size:
            raise ValueError(f"{name} has shape {array.shape} and holds no number: leave it out")
        names.append(name)
        arrays.append(array.astype(np.float64))
    if not names:
        raise ValueError("params hold no arrays")
    return names, arrays


def read_gradient(
    gradient: Any, params: Any, names: list[str], arrays: list[np.ndarray]
) -> list[np.ndarray]:
    """The claimed gradient's arrays, of the shapes of the parameters."""
    if callable(gradient):
        given = [like(leaf, x) for (_, leaf), x in zip(leaves(params), arrays, strict=True)]
        gradient = gradient(rebuild(params, given))
    found = dict(leaves(gradient, "params"))
    if missing := [name for name in names if name not in found]:
        raise ValueError(f"the gradient lacks {missing[0]}")
    if more := [name for name in found if name not in names]:
        raise ValueError(f"the gradient has {more[0]}, which is none of the params")
    claims = [np.asarray(found[name]) for name in names]
    for name, claim, x in zip(names, claims, arrays, strict=True):
        if claim.shape != x.shape:
            raise ValueError(f"the gradient of {name} has shape {claim.shape}, not {x.shape}")
    return [x if x.dtype.kind not in "iub" else x.astype(np.float64) for x in claims]


def read_loss(loss: Callable[[Any], Any], params: Any) -> np.ndarray:
    """The loss as an array without axes; a number of Python's is one of float64."""
    value = np.asarray(loss(params))
    if value.shape:
        raise ValueError(f"the loss has shape {value.shape}: a gradient is of one number")
    return value if value.dtype.kind not in "iub" else value.astype(np.float64)


def like(leaf: Any, array: np.ndarray) -> Any:
    """An array of the kind of `leaf`: JAX's only for those who gave JAX's."""
    if type(leaf).__module__.partition(".")[0] not in ("jax", "jaxlib"):
        return array
    import jax.numpy as jnp

    return jnp.asarray(array)
