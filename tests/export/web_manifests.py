"""Manifests of models for a page, as small as they may be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def manifest_of(
    kind: str,
    inputs: Mapping[str, Mapping[str, Any]],
    outputs: Mapping[str, Mapping[str, Any]],
    reading: Mapping[str, Any],
    carried: Sequence[str] = (),
) -> dict[str, Any]:
    """What `manifest.json` would hold, in JSON values."""
    return {
        "form": "web",
        "model": "model.onnx",
        "title": "A net <b>reads</b> & answers.",
        "kind": kind,
        "inputs": dict(inputs),
        "outputs": dict(outputs),
        "carried": list(carried),
        "reading": dict(reading),
        "origin": {
            "experiment": "vision/digits_cnn",
            "seed": 0,
            "step": 1200,
            "command": "python launch.py run vision/digits_cnn",
            "digest": "0123abcd",
        },
        "licence": {"weights": "As the data."},
        "verification": None,
        "notes": [],
    }


def tensor(dtype: str, *shape: int) -> dict[str, Any]:
    """An input or an output; `shape` is without the axis of the batch."""
    return {"dtype": dtype, "shape": ["batch", *shape]}


DIGITS = manifest_of(
    "classes",
    {"image": tensor("uint8", 8, 8, 1)},
    {"probability": tensor("float32", 10)},
    {"classes": [str(digit) for digit in range(10)], "white": 16},
)
