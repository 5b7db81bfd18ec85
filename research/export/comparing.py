"""Compares an exported model's outputs with the run's own answers.

They agree where every number is within `TOLERANCE` of the run's, and every choice, a class, an
action, a token, is the same. In a text that a model writes by itself there are ties: where two
tokens are within `TOLERANCE` of each other for the run, too, either is right, and what follows is
another text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from research.export.elsewhere import Arrays

TOLERANCE = 1e-5
"""|a - b| / max(1, |b|), b being the run's: values in a unit can be millions."""
CHOICES = {"probability": "the most probable class", "logits": "the likeliest token"}
"""Outputs of whose numbers the largest is a choice."""
WRITTEN = "tokens"
"""The output of a model that writes a text by itself, each of its choices after those before."""
Margin = Callable[[np.ndarray], np.ndarray]
"""(numbers of rows) -> how sure the run was of each choice, as `Predictor.margin` has it."""


class Found(NamedTuple):
    """What a comparison found.

    Attributes:
        largest: name of an output -> the largest difference.
        differs: what differs, a sentence, or "".
        output: the one that does.
        place: where in it it does first: row, and what axes follow.
        ties: rows that are another text after a tie.
    """

    largest: Mapping[str, float]
    differs: str = ""
    output: str = ""
    place: tuple[int, ...] = ()
    ties: int = 0


def compare(answers: Arrays, outputs: Arrays, margin: Margin | None = None) -> Found:
    """Hold an exported model's outputs against the run's own: name -> array `[rows, ...]`."""
    if answers.keys() != outputs.keys():
        return Found({}, f"its outputs are {', '.join(outputs)}, not {', '.join(answers)}")
    for name, wanted in answers.items():
        made = outputs[name]
        if (made.shape, made.dtype) != (wanted.shape, wanted.dtype):
            says = f"{name} is {made.dtype} {made.shape}, not {wanted.dtype} {wanted.shape}"
            return Found({}, says)
    largest: dict[str, float] = {}
    ties = 0
    for name, wanted in answers.items():
        made = outputs[name]
        apart = _apart(wanted, made)
        if name == WRITTEN and margin is not None:
            tied = _after_ties(wanted, made, margin)
            apart, ties = np.where(tied, 0.0, apart), int(tied[:, -1].sum())
        # NaN is at no distance: it counts as the largest.
        largest[name] = float(np.nan_to_num(apart, nan=np.inf).max(initial=0.0))
        number = wanted.dtype.kind == "f"
        wrong = ~(apart <= (TOLERANCE if number else 0.0))
        if wrong.any():
            place = _first(wrong)
            says = f"{name}[{_spell(place)}] is {made[place]:.7g}, not {wanted[place]:.7g}"
            return Found(largest, says, name, place)
        if name in CHOICES:
            chosen, right = made.argmax(axis=-1), wanted.argmax(axis=-1)
            if (chosen != right).any():
                place = _first(chosen != right)
                near = wanted[place][right[place]] - wanted[place][chosen[place]]
                says = (
                    f"{CHOICES[name]} of [{_spell(place)}] is {chosen[place]}, not {right[place]}, "
                    f"though they are {near:.1e} apart"
                )
                return Found(largest, says, name, place)
    return Found(largest, ties=ties)


def _after_ties(wanted: np.ndarray, made: np.ndarray, margin: Margin) -> np.ndarray:
    """Where texts `[rows, places]` are others after a tie: bool, True from there on."""
    tied = wanted != made
    (rows,) = np.nonzero(tied.any(axis=1))
    if len(rows):
        first = tied[rows].argmax(axis=1)[:, None]
        tie = np.take_along_axis(margin(rows), first, axis=1) <= TOLERANCE
        tied[rows] = tie & (np.arange(tied.shape[1]) >= first)
    return tied


def _first(wrong: np.ndarray) -> tuple[int, ...]:
    return tuple(int(axis[0]) for axis in np.nonzero(wrong))


def _spell(place: tuple[int, ...]) -> str:
    return ", ".join(map(str, place))


def _apart(wanted: np.ndarray, made: np.ndarray) -> np.ndarray:
    wide = wanted.astype(np.float64)
    return np.asarray(np.abs(made.astype(np.float64) - wide) / np.maximum(1.0, np.abs(wide)))
