"""Derivatives of a loss along one direction: what its gradient claims, what differences say."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from research.autodiff.check_inputs import TOLERANCES, Inputs


class Probe(NamedTuple):
    """A derivative along a unit vector in one array.

    Attributes:
        leaf: the array's number.
        claimed: by the gradient.
        estimated: by differences.
        resolution: how exact the estimate is.
        rounding: the part of this that comes from the loss's rounding.
        tolerance: relative to the derivative.
    """

    leaf: int
    claimed: float
    estimated: float
    resolution: float
    rounding: float
    tolerance: float

    @property
    def error(self) -> float:
        """How far the two are apart."""
        apart = abs(self.claimed - self.estimated)
        return apart if np.isfinite(apart) else np.inf

    @property
    def size(self) -> float:
        """Of the larger derivative."""
        return max(abs(self.claimed), abs(self.estimated))

    @property
    def excess(self) -> float:
        """The error, where 1 is as much as may be."""
        if self.error in (0, np.inf):
            return self.error
        return self.error / (self.tolerance * self.size + self.resolution)

    @property
    def decides(self) -> bool:
        """The derivative stands out, or is 0 as exactly as float64 can say, or is wrong."""
        exact = self.tolerance == TOLERANCES[np.dtype(np.float64)]
        nothing = exact and self.size <= self.rounding
        return self.excess > 1 or self.resolution < 0.1 * self.size or nothing


def probe(inputs: Inputs, leaf: int, direction: np.ndarray) -> Probe:
    """The derivative along a direction, of any length, in array number `leaf`.

    Central differences of the step h = ε^⅓, at which their error in h² is as large as the loss's
    rounding makes it. Two values further out show how evenly the slope changes.

    Source: Press et al. 2007, *Numerical Recipes*, 3rd edition, section 5.7, for the step.
    """
    x, unit = inputs.arrays[leaf], direction / float(np.linalg.norm(direction))
    epsilon = float(np.finfo(inputs.dtype).eps)
    step = epsilon ** (1 / 3) * max(1.0, float(np.linalg.norm(x * unit)))
    before, after = inputs.arrays[:leaf], inputs.arrays[leaf + 1 :]
    distances = (-step, -step / 2, step / 2, step)
    values = [float(inputs.value([*before, x + h * unit, *after])) for h in distances]
    if not np.all(np.isfinite(values)):
        raise ValueError(
            f"the loss is not finite a step of {step:.0e} away in {inputs.names[leaf]}: "
            "choose params further from where it ends"
        )
    slopes = np.diff([*values[:2], inputs.at, *values[2:]]) / (step / 2)
    # Slopes rise evenly where the loss is smooth. Where they jump, as at the kink of a relu, they
    # are uneven by more than this leads the estimate astray; several kinks can hide each other.
    uneven = 3 * float(np.ptp(np.diff(slopes)))
    rounding = 4 * epsilon * max(map(abs, values)) / step
    # Without the entries that stand still: a claim that is nan there says nothing here.
    moving = unit != 0
    claimed = float(inputs.claims[leaf][moving].astype(np.float64) @ unit[moving])
    estimated = (values[2] - values[1]) / step
    return Probe(leaf, claimed, estimated, uneven + rounding, rounding, inputs.tolerance)


def probe_entry(inputs: Inputs, leaf: int, place: int) -> Probe:
    """The derivative of one entry, counted through the array."""
    direction = np.zeros(inputs.arrays[leaf].shape)
    direction.flat[place] = 1.0
    return probe(inputs, leaf, direction)


def worst_entry(inputs: Inputs, leaf: int, direction: np.ndarray) -> int:
    """The entry that is worst along a direction, by going on with the half that is worse."""
    places = np.arange(direction.size)
    while places.size > 1:
        halves = np.array_split(places, 2)
        errors = []
        for half in halves:
            part = np.zeros(direction.shape)
            part.flat[half] = direction.flat[half]
            # Along a unit vector a mistake is divided by the root of the number of entries.
            errors.append(probe(inputs, leaf, part).error * half.size**0.5)
        places = halves[int(np.argmax(errors))]
    return int(places[0])
