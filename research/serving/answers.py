"""Outputs as a person reads them: the class, the forecast, the action, the symbol, the text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from research.prediction import (
    Actions,
    Classes,
    Kind,
    Pictures,
    Quantities,
    Tokens,
    Translations,
    Values,
)


def make_reader(kind: Kind) -> Callable[[Mapping[str, np.ndarray]], list[dict[str, Any]]]:
    """(outputs `[rows, ...]`) -> what they mean, as JSON values, one a row.

    Raises:
        Mistake: the names of the classes are the data set's own, and it is not prepared.
    """
    match kind:
        case Classes():
            return _read_choices("probability", "class", kind.names())
        case Actions(names=()) | Pictures():
            return lambda outputs: []
        case Actions():
            return lambda outputs: [{"action": kind.names[at]} for at in outputs["action"].tolist()]
        case Tokens():
            return _read_choices("logits", "symbol", kind.symbols)
        case Translations():
            return lambda outputs: [{"text": kind.target.decode(row)} for row in outputs["tokens"]]
        case Quantities():
            return lambda outputs: [
                dict(zip(kind.names, row, strict=True)) for row in outputs["mean"].tolist()
            ]
        case Values():
            return lambda outputs: [
                {kind.name: row.tolist()} for row in outputs["mean"][:, -kind.horizon :]
            ]


def _read_choices(
    output: str, name: str, names: tuple[str, ...]
) -> Callable[[Mapping[str, np.ndarray]], list[dict[str, Any]]]:
    """The largest of each row of an output, by its name."""
    return lambda outputs: [{name: names[at]} for at in outputs[output].argmax(axis=-1).tolist()]
