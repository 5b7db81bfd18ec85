"""StableHLO by `jax.export`: the predictor with its parameters inside, for a batch of any size.

Source: the documentation of `jax.export`: serialisation, platforms, shape polymorphism, and the
compatibility that is promised: such a file is read by what is released within six months after the
release that wrote it.
"""

from __future__ import annotations

import calendar
import datetime
import importlib.metadata
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import jax
from jax import export

from research.export.manifest import BATCH

MODEL = "model.stablehlo"
PLATFORMS = ("cpu", "cuda", "tpu")
MONTHS = 6
"""For so long after it was made, a newer JAX is certain to read it."""

Apply: TypeAlias = Callable[[Mapping[str, Any]], dict[str, jax.Array]]
"""Inputs, name -> array `[batch, ...]`, to such outputs; the parameters are inside."""
Examples: TypeAlias = Mapping[str, jax.ShapeDtypeStruct]
"""Inputs of a batch of one, by shape and dtype."""

_REFUSALS = (
    ValueError,
    TypeError,
    NotImplementedError,
    jax.errors.InconclusiveDimensionOperation,
)


class Written(NamedTuple):
    """What was written.

    Attributes:
        platforms: that it runs on.
        refused: ends of a sentence on each of the others: what it lacks there.
        versions: name -> version of what made it and of the form.
    """

    platforms: tuple[str, ...]
    refused: tuple[str, ...]
    versions: Mapping[str, str]


def write_stablehlo(apply: Apply, examples: Examples, path: Path) -> Written:
    """Write a model for every platform that it can be lowered for.

    Raises:
        ValueError: it cannot be lowered for the one that it was computed on.
    """
    (size,) = export.symbolic_shape(BATCH)
    symbolic = {
        name: jax.ShapeDtypeStruct((size, *one.shape[1:]), one.dtype)
        for name, one in examples.items()
    }

    def lower(platforms: Sequence[str]) -> export.Exported:
        return export.export(jax.jit(apply), platforms=platforms)(symbolic)

    exported, refused = _lower_for_most(lower)
    path.write_bytes(exported.serialize())
    return Written(exported.platforms, refused, _versions(exported))


def _lower_for_most(
    lower: Callable[[Sequence[str]], export.Exported],
) -> tuple[export.Exported, tuple[str, ...]]:
    """The model for all platforms, or for those that it can be lowered for, and why not others."""
    try:
        return lower(PLATFORMS), ()
    except _REFUSALS as error:
        here = export.default_export_platform()
        fit, refused = [], []
        for platform in dict.fromkeys((here, *PLATFORMS)):
            try:
                lower((platform,))
            except _REFUSALS as other:
                if platform == here:
                    raise ValueError(f"it cannot be lowered: {_first_line(other)}") from error
                refused.append(f"does not run on {platform}: {_first_line(other)}")
            else:
                fit.append(platform)
        return lower(fit), tuple(refused)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _versions(exported: export.Exported) -> dict[str, str]:
    # A portable artefact begins with the version of its form.
    form = re.search(rb"StableHLO_v([\d.]+)", exported.mlir_module_serialized[:64])
    return {
        "jax": jax.__version__,
        "jaxlib": importlib.metadata.version("jaxlib"),
        "stablehlo": form[1].decode() if form else "not known",
        "calling_convention": str(exported.calling_convention_version),
    }


def readable_until(made: datetime.date) -> datetime.date:
    """The last day on which what JAX is released is certain to read a model that was made then."""
    year, month = divmod(12 * made.year + made.month - 1 + MONTHS, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return datetime.date(year, month + 1, min(made.day, last))
