"""The forms in which a model is exported: how each is written and loaded."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax

from research.export.manifest import Form
from research.export.stablehlo import (
    MODEL,
    Apply,
    Examples,
    Written,
    readable_until,
    write_stablehlo,
)

_HERE = Path(__file__).parent

Write = Callable[[Apply, Examples, Path], Written]
"""(the model, inputs of a batch of one, file) -> what was written. Raises `ValueError`."""


class Way(NamedTuple):
    """How a form is written and loaded.

    Attributes:
        model: the name of its file.
        write: writes it.
        loader: the source of what loads it, a copy of which lies beside it.
    """

    model: str
    write: Write
    loader: Path


def way_of(form: Form) -> Way:
    """How a form is made; `web` is a page around ONNX."""
    if form == "stablehlo":
        return Way(MODEL, write_stablehlo, _HERE / "load_stablehlo.py")
    return Way("model.onnx", _write_onnx, _HERE / "load_onnx.py")


def _write_onnx(apply: Apply, examples: Examples, path: Path) -> Written:
    import onnx

    from research.export.onnx import OPSET, write_onnx

    def renamed(inputs: Mapping[str, Any]) -> dict[str, jax.Array]:
        outputs = apply(inputs)
        named = names_in_onnx(inputs, outputs)
        return {named[name]: output for name, output in outputs.items()}

    write_onnx(renamed, examples, path)
    versions = {"jax": jax.__version__, "onnx": onnx.__version__, "opset": str(OPSET)}
    return Written(("cpu",), (), versions)


def names_in_onnx(inputs: Iterable[str], outputs: Iterable[str]) -> dict[str, str]:
    """Name of an output -> its name in ONNX, where none may have that of an input: `next_` it is.

    So `memory` is given, and `next_memory` comes out.
    """
    taken = set(inputs)
    return {name: f"next_{name}" if name in taken else name for name in outputs}


def age_note(form: Form, made: datetime.datetime) -> tuple[str, ...]:
    """What a person is to know of the time for which a form can be read."""
    if form != "stablehlo":
        return ()
    return (
        f"Made on {made:%Y-%m-%d}. Every JAX that is released until "
        f"{readable_until(made.date()):%Y-%m-%d} is certain to read it; for a later one export it "
        "again, or keep the jax that made it.",
    )
