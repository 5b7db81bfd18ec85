"""Loads the model in this folder. It needs ONNX Runtime (pip install onnxruntime).

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

import numpy as np
import onnxruntime

FOLDER = Path(__file__).resolve().parent


def load(folder: Path = FOLDER) -> Callable[[Mapping[str, np.ndarray]], dict[str, np.ndarray]]:
    """The model: inputs by name to outputs by name."""
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    dtypes = {name: one["dtype"] for name, one in manifest["inputs"].items()}
    session = onnxruntime.InferenceSession(
        str(folder / manifest["model"]), providers=["CPUExecutionProvider"]
    )
    names = [one.name for one in session.get_outputs()]
    # ONNX allows no output with the name of an input: there it is called next_NAME.
    known = {f"next_{name}": name for name in dtypes}

    def call(inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        given = {name: np.asarray(inputs[name], dtype) for name, dtype in dtypes.items()}
        outputs = zip(names, session.run(names, given), strict=True)
        return {known.get(name, name): array for name, array in outputs}

    return call


if __name__ == "__main__":
    found = json.loads((FOLDER / "manifest.json").read_text(encoding="utf-8"))
    zeros = {
        n: np.zeros([1, *one["shape"][1:]], one["dtype"]) for n, one in found["inputs"].items()
    }
    for name, array in load()(zeros).items():
        print(name, array.dtype, array.shape)
