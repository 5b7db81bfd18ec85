"""What the gradient checker is given, refused where it cannot be checked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from research.autodiff.trees import leaves, rebuild

TOLERANCES = {np.dtype(np.float64): 1e-6, np.dtype(np.float32): 1e-2}
"""How far a derivative may be off, relative to itself, by the dtype of loss or gradient."""


class Inputs(NamedTuple):
    """A loss as a function of a list of arrays, and a gradient that is claimed for it.

    Attributes:
        names: of the arrays, as `params['dense'].kernel`.
        arrays: the parameters, in float64.
        claims: the gradient's arrays, of the same shapes.
        value: arrays -> the loss.
        at: the loss at `arrays`.
        dtype: in which the loss is computed.
        tolerance: of the coarser dtype of loss and gradient.
    """

    names: list[str]
    arrays: list[np.ndarray]
    claims: list[np.ndarray]
    value: Callable[[list[np.ndarray]], np.ndarray]
    at: float
    dtype: np.dtype
    tolerance: float


def read_inputs(
    loss: Callable[[Any], Any], params: Any, gradient: Any, generator: np.random.Generator
) -> Inputs:
    """All that `check` is given, as arrays of NumPy's; `generator` draws one point beside."""
    names, arrays = _read_params(params)

    def tree(new: list[np.ndarray]) -> Any:
        return rebuild(
            params, [_like(old, x) for (_, old), x in zip(leaves(params), new, strict=True)]
        )

    def value(new: list[np.ndarray]) -> np.ndarray:
        return _read_loss(loss(tree(new)))

    at = value(arrays)
    if not np.isfinite(at):
        raise ValueError(f"the loss is {at} at these params, and has no gradient there")
    step = float(np.finfo(np.float32).eps) ** (1 / 3)
    aside = value([x + step * generator.standard_normal(x.shape) for x in arrays])
    dtype = at.dtype
    # What is computed in float32 and returned as float64 has no digits beyond those of float32.
    if at != aside and all(x == x.astype(np.float32) for x in (at, aside)):
        dtype = np.dtype(np.float32)
    claims = _read_gradient(
        gradient(tree(arrays)) if callable(gradient) else gradient, names, arrays
    )
    coarsest = min([dtype, *(x.dtype for x in claims)], key=lambda each: each.itemsize)
    if coarsest not in TOLERANCES:
        raise ValueError(f"{coarsest} is too coarse: compute loss and gradient in float64")
    return Inputs(names, arrays, claims, value, float(at), dtype, TOLERANCES[coarsest])


def _read_params(params: Any) -> tuple[list[str], list[np.ndarray]]:
    names, arrays = [], []
    for name, leaf in leaves(params, "params"):
        array = np.asarray(leaf)
        # bfloat16 is no floating type of NumPy's own.
        if not np.issubdtype(array.dtype, np.floating) and array.dtype.name != "bfloat16":
            raise ValueError(f"{name} holds {array.dtype}: only floats have a gradient")
        if not array.size:
            raise ValueError(f"{name} has shape {array.shape} and holds no number: leave it out")
        names.append(name)
        arrays.append(array.astype(np.float64))
    if not names:
        raise ValueError("params hold no arrays")
    return names, arrays


def _read_gradient(gradient: Any, names: list[str], arrays: list[np.ndarray]) -> list[np.ndarray]:
    found = {name: np.asarray(leaf) for name, leaf in leaves(gradient, "params")}
    if missing := [name for name in names if name not in found]:
        raise ValueError(f"the gradient lacks {missing[0]}")
    if more := [name for name in found if name not in names]:
        raise ValueError(f"the gradient has {more[0]}, which is none of the params")
    for name, x in zip(names, arrays, strict=True):
        if found[name].shape != x.shape:
            raise ValueError(f"the gradient of {name} has shape {found[name].shape}, not {x.shape}")
    return [_exact(found[name]) for name in names]


def _read_loss(returned: Any) -> np.ndarray:
    value = np.asarray(returned)
    if value.shape:
        raise ValueError(f"the loss has shape {value.shape}: a gradient is of one number")
    return _exact(value)


def _exact(x: np.ndarray) -> np.ndarray:
    """Integers as float64; what is rounded keeps its dtype."""
    return x.astype(np.float64) if x.dtype.kind in "iub" else x


def _like(leaf: Any, array: np.ndarray) -> Any:
    """An array of the kind of `leaf`: JAX's only for those who gave JAX's."""
    if type(leaf).__module__.partition(".")[0] not in ("jax", "jaxlib"):
        return array
    import jax.numpy as jnp

    return jnp.asarray(array)
