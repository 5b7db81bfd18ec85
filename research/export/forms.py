"""The forms in which a model is exported: how each is written and loaded."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

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
    from research.export.onnx import write_onnx

    return Way("model.onnx", write_onnx, _HERE / "load_onnx.py")


def age_note(form: Form, made: datetime.datetime) -> tuple[str, ...]:
    """What a person is to know of the time for which a form can be read."""
    if form != "stablehlo":
        return ()
    return (
        f"Made on {made:%Y-%m-%d}. Every JAX that is released until "
        f"{readable_until(made.date()):%Y-%m-%d} is certain to read it; for a later one export it "
        "again, or keep the jax that made it.",
    )
