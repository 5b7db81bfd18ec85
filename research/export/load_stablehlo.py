"""Loads the model in this folder. It needs JAX and flatbuffers (pip install jax flatbuffers).

    from load import load

    model = load()
    outputs = model({"name of an input": numpy_array})

`manifest.json` has the names, dtypes and shapes of inputs and outputs; the first axis is that of
the batch, of any size. `python load.py` tries it on zeros.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import jax
import numpy as np
from jax import export

FOLDER = Path(__file__).resolve().parent


def load(folder: Path = FOLDER) -> Callable[[Mapping[str, np.ndarray]], dict[str, np.ndarray]]:
    """The model: inputs by name to outputs by name."""
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    dtypes = {name: one["dtype"] for name, one in manifest["inputs"].items()}
    exported = export.deserialize(bytearray((folder / manifest["model"]).read_bytes()))
    compiled = jax.jit(exported.call)

    def call(inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        given = {name: np.asarray(inputs[name], dtype) for name, dtype in dtypes.items()}
        return {name: np.asarray(array) for name, array in compiled(given).items()}

    return call


if __name__ == "__main__":
    found = json.loads((FOLDER / "manifest.json").read_text(encoding="utf-8"))
    zeros = {
        n: np.zeros([1, *one["shape"][1:]], one["dtype"]) for n, one in found["inputs"].items()
    }
    for name, array in load()(zeros).items():
        print(name, array.dtype, array.shape)
