"""Compares an exported model's outputs with the run's own answers.

They agree where every number is within `TOLERANCE` of the run's, and every choice, a class, an
action, a token, is the same. In a text that a model writes by itself there are ties: where two
tokens are within `TOLERANCE` of each other for the run, too, either is right, and what follows is
another text.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from research.export.elsewhere import Arrays

TOLERANCE = 1e-5
"""|a - b| / max(1, |b|), b being the run's: values in a unit can be millions."""
CHOICES = {"probability": "the most probable class", "logits": "the likeliest token"}
"""Outputs of whose numbers the largest is a choice."""
MARGINS = {"tokens": "margin"}
"""Output of choices, each made after those before it -> the one that says how sure each was."""


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


def compare(answers: Arrays, outputs: Arrays) -> Found:
    """Hold an exported model's outputs against the run's own: name -> array `[rows, ...]`."""
    if answers.keys() != outputs.keys():
        return Found({}, f"its outputs are {', '.join(outputs)}, not {', '.join(answers)}")
    for name, wanted in answers.items():
        made = outputs[name]
        if (made.shape, made.dtype) != (wanted.shape, wanted.dtype):
            says = f"{name} is {made.dtype} {made.shape}, not {wanted.dtype} {wanted.shape}"
            return Found({}, says)
    largest: dict[str, float] = {}
    tied = _after_ties(answers, outputs)
    for name, wanted in answers.items():
        made = outputs[name]
        apart = np.where(tied.get(name, False), 0.0, _apart(wanted, made))
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
    return Found(largest, ties=max((int(rows[:, -1].sum()) for rows in tied.values()), default=0))


def _after_ties(answers: Arrays, outputs: Arrays) -> dict[str, np.ndarray]:
    """Name -> bool `[rows, time]`, True from the tie on after which a row is another text."""
    tied = {}
    for name, margin in MARGINS.items():
        if name in answers and margin in answers:
            differs = answers[name] != outputs[name]
            first = differs.argmax(axis=1)[:, None]
            tie = np.take_along_axis(answers[margin], first, axis=1) <= TOLERANCE
            parted = differs.any(axis=1, keepdims=True) & tie
            tied[name] = tied[margin] = parted & (np.arange(differs.shape[1]) >= first)
    return tied


def _first(wrong: np.ndarray) -> tuple[int, ...]:
    return tuple(int(axis[0]) for axis in np.nonzero(wrong))


def _spell(place: tuple[int, ...]) -> str:
    return ", ".join(map(str, place))


def _apart(wanted: np.ndarray, made: np.ndarray) -> np.ndarray:
    wide = wanted.astype(np.float64)
    return np.asarray(np.abs(made.astype(np.float64) - wide) / np.maximum(1.0, np.abs(wide)))
