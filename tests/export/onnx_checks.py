"""What tests of ONNX files share: states and inputs of no meaning, and the file beside JAX."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from research.export.onnx import write_onnx

BATCHES = (1, 7, 32)

Apply = Callable[[Any], dict[str, jax.Array]]
Examples = Mapping[str, jax.ShapeDtypeStruct]


def trained_like(shapes: Any) -> Any:
    """A state of such shapes: drawn weights, scaled by what they sum over, and counts of 0."""
    rng = np.random.default_rng(0)

    def draw(path: Any, leaf: Any) -> jax.Array:
        if not np.issubdtype(leaf.dtype, np.floating):
            return jnp.zeros(leaf.shape, leaf.dtype)
        scale = max(1, leaf.shape[-2]) ** -0.5 if len(leaf.shape) > 1 else 0.2
        drawn = scale * rng.normal(size=leaf.shape)
        # Variances are positive.
        name = jax.tree_util.keystr(path)
        return jnp.asarray(abs(drawn) + 0.5 if "var" in name else drawn, leaf.dtype)

    return jax.tree_util.tree_map_with_path(draw, shapes)


def draw_inputs(examples: Examples, count: int) -> dict[str, np.ndarray]:
    """Inputs of no meaning; whole numbers are from 0 to 4."""
    rng = np.random.default_rng(1)
    inputs = {}
    for name, one in examples.items():
        shape = (count, *one.shape[1:])
        if np.issubdtype(one.dtype, np.floating):
            inputs[name] = rng.normal(size=shape).astype(one.dtype)
        else:
            inputs[name] = rng.integers(0, 2 if one.dtype == bool else 5, shape).astype(one.dtype)
    return inputs


def run_file(path: Path, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What ONNX Runtime makes of inputs."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    names = [one.name for one in session.get_outputs()]
    return dict(zip(names, session.run(names, dict(inputs)), strict=True))


def differences(
    apply: Apply,
    examples: Examples,
    path: Path,
    given: Mapping[str, np.ndarray] = MappingProxyType({}),
) -> dict[str, float]:
    """Those of a function's new file from jitted JAX; see `differences_of`."""
    write_onnx(apply, examples, path)
    return differences_of(path, apply, examples, given)


def differences_of(
    path: Path,
    apply: Apply,
    examples: Examples,
    given: Mapping[str, np.ndarray] = MappingProxyType({}),
) -> dict[str, float]:
    """Name of an output -> the largest difference of the file's from jitted JAX's.

    It is relative to the output's largest value, where that is above 1, and infinite where shape,
    dtype, or the places of what is not finite are not the same. The file has three sizes of batch.
    Inputs are drawn, but for those `given`, which are repeated.
    """
    rows = max(BATCHES)
    repeated = {name: np.resize(one, (rows, *one.shape[1:])) for name, one in given.items()}
    inputs = draw_inputs(examples, rows) | repeated
    expected = {name: np.asarray(one) for name, one in jax.jit(apply)(inputs).items()}
    largest = dict.fromkeys(expected, 0.0)
    for batch in BATCHES:
        found = run_file(path, {name: one[:batch] for name, one in inputs.items()})
        assert found.keys() == expected.keys()
        for name, one in expected.items():
            largest[name] = max(largest[name], _difference(found[name], one[:batch]))
    return largest


def _difference(found: np.ndarray, expected: np.ndarray) -> float:
    if found.shape != expected.shape or found.dtype != expected.dtype:
        return np.inf
    finite = np.isfinite(expected)
    if not np.array_equal(found[~finite], expected[~finite], equal_nan=True):
        return np.inf
    values = expected[finite].astype(float)
    apart = np.max(np.abs(found[finite].astype(float) - values), initial=0.0)
    return float(apart / np.max(np.abs(values), initial=1.0))
