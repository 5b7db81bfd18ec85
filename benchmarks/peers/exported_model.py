"""An exported model, asked by the `load.py` that lies in its folder."""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from serving import repeat, serve

Call = Callable[[Mapping[str, np.ndarray]], Mapping[str, Any]]


def arguments() -> argparse.ArgumentParser:
    """What a model is asked: a folder's inputs, so many rows, for so long."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int)
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--started", type=float, help="when this process was, by `time.time()`")
    return parser


def draw_inputs(folder: Path, rows: int) -> dict[str, np.ndarray]:
    """Inputs as the manifest names them: whole numbers below 8, or normal ones."""
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    draw = np.random.default_rng(0)
    return {
        name: (
            draw.standard_normal((rows, *one["shape"][1:]))
            if one["dtype"].startswith("float")
            else draw.integers(0, 8, (rows, *one["shape"][1:]))
        ).astype(one["dtype"])
        for name, one in manifest["inputs"].items()
    }


def answer(what: str, call: Call, options: argparse.Namespace) -> None:
    """Ask the model a first time, then in rounds."""
    inputs = draw_inputs(options.folder, options.rows)

    def ask() -> None:
        for array in call(inputs).values():
            np.asarray(array)

    ask()
    serve(what, repeat(ask), 1, options.seconds, first=time.time() - options.started)


def main() -> None:
    """Answer rounds until the standard input ends."""
    options = arguments().parse_args()
    spec = importlib.util.spec_from_file_location("load", options.folder / "load.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    library = "onnxruntime" if hasattr(module, "onnxruntime") else "jax"
    what = f"{library} {importlib.metadata.version(library)}"
    answer(what, module.load(options.folder), options)


if __name__ == "__main__":
    main()
