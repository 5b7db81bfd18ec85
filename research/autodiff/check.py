"""A gradient checker: a claimed gradient of any loss, against differences of the loss itself.

The loss is differentiated along random directions of each array of the parameters, which notices
a mistake in any entry, and along some entries alone. Where a direction disagrees, halving it finds
the entry that is worst.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from research.autodiff.check_inputs import like, read_gradient, read_loss, read_params
from research.autodiff.trees import leaves, rebuild

TOLERANCES = {np.dtype(np.float64): 1e-6, np.dtype(np.float32): 1e-2}
"""How far a derivative may be off, relative to itself, by the dtype of loss or gradient."""


class Check(NamedTuple):
    """Whether a gradient agrees with its loss, and where it is worst.

    Attributes:
        agrees: it does along all directions and entries that were looked at.
        leaf: the array with the worst entry, as `params['dense'].kernel`.
        entry: where it is in this array.
        claimed: what the gradient says there.
        estimated: what differences of the loss say.
        error: how far these are apart.
        resolution: how exact the estimate is, by the step's length and the loss's rounding.
        undecided: arrays whose derivative is smaller than the differences can show.
        message: all this in one sentence.
    """

    agrees: bool
    leaf: str
    entry: tuple[int, ...]
    claimed: float
    estimated: float
    error: float
    resolution: float
    undecided: tuple[str, ...]
    message: str


class _Probe(NamedTuple):
    """A derivative along one direction in one array, claimed and estimated."""

    leaf: int
    claimed: float
    estimated: float
    resolution: float
    rounding: float
    tolerance: float

    @property
    def error(self) -> float:
        apart = abs(self.claimed - self.estimated)
        return apart if np.isfinite(apart) else np.inf

    @property
    def size(self) -> float:
        return max(abs(self.claimed), abs(self.estimated))

    @property
    def excess(self) -> float:
        """The error, where 1 is as much as may be."""
        if self.error in (0, np.inf):
            return self.error
        return self.error / (self.tolerance * self.size + self.resolution)

    @property
    def decides(self) -> bool:
        """The derivative stands out, or else is 0 as exactly as float64 can say."""
        exact = self.tolerance == TOLERANCES[np.dtype(np.float64)]
        return self.resolution < 0.1 * self.size or (exact and self.size <= self.rounding)


def check(
    loss: Callable[[Any], Any],
    params: Any,
    gradient: Any,
    *,
    directions: int = 2,
    entries: int = 8,
    seed: int = 0,
) -> Check:
    """Whether `gradient` is the gradient of `loss` at `params`.

    Differences are central ones of two steps, h = ε^¼ and half of it, from which the error in h² is
    taken away; how far the two are apart is counted as the estimate's uncertainty. The loss is
    called with float64, and in float64 if that is what it returns (JAX: inside
    `jax.enable_x64(True)`).

    Args:
        loss: params -> one number.
        params: a tree (dicts, lists, tuples, named tuples) of arrays of floats.
        gradient: a tree of the same shapes, or params -> such a tree, as `jax.grad(loss)`.
        directions: random directions for each array.
        entries: how many entries of each array are looked at alone, the largest among them.
        seed: of directions and entries.

    Raises:
        ValueError: loss, params or gradient are not of this kind; the loss is not finite; or its
            rounding is too coarse to tell anything.

    Source: Griewank and Walther 2008, *Evaluating Derivatives*, chapter 1 for differences; Press et
        al. 2007, *Numerical Recipes*, section 5.7 for the extrapolation.
    """
    names, arrays = read_params(params)

    def value(new: list[np.ndarray]) -> np.ndarray:
        given = [like(old, x) for (_, old), x in zip(leaves(params), new, strict=True)]
        return read_loss(loss, rebuild(params, given))

    at = value(arrays)
    if not np.isfinite(at):
        raise ValueError(f"the loss is {at} at these params, and has no gradient there")
    generator = np.random.default_rng(seed)
    step = float(np.finfo(np.float32).eps) ** 0.25
    aside = value([x + step * generator.standard_normal(x.shape) for x in arrays])
    dtype = at.dtype
    # What is computed in float32 and returned as float64 has no digits beyond those of float32.
    if at != aside and all(x == x.astype(np.float32) for x in (at, aside)):
        dtype = np.dtype(np.float32)
    claims = read_gradient(gradient, params, names, arrays)
    coarsest = min([dtype, *(g.dtype for g in claims)], key=lambda each: each.itemsize)
    if dtype not in TOLERANCES or coarsest not in TOLERANCES:
        raise ValueError(f"{coarsest} is too coarse for differences: evaluate the loss in float64")
    epsilon, tolerance = float(np.finfo(dtype).eps), TOLERANCES[coarsest]

    def probe(leaf: int, direction: np.ndarray) -> _Probe:
        x, length = arrays[leaf], float(np.linalg.norm(direction))
        unit = direction / length
        step = epsilon**0.25 * max(1.0, float(np.linalg.norm(x * unit)))
        values = [
            float(value([*arrays[:leaf], x + h * unit, *arrays[leaf + 1 :]]))
            for h in (step, -step, step / 2, -step / 2)
        ]
        if not np.all(np.isfinite(values)):
            raise ValueError(
                f"the loss is not finite a step of {step:.0e} away in {names[leaf]}: "
                "choose params further from where it ends"
            )
        whole, half = (values[0] - values[1]) / (2 * step), (values[2] - values[3]) / step
        rounding = 4 * epsilon * max(map(abs, values)) / step
        claimed = float(np.sum(claims[leaf].astype(np.float64) * unit))
        apart = abs(whole - half)
        return _Probe(leaf, claimed, (4 * half - whole) / 3, apart + rounding, rounding, tolerance)

    probes: list[_Probe] = []
    singles: dict[tuple[int, int], _Probe] = {}
    for leaf, (x, claim) in enumerate(zip(arrays, claims, strict=True)):
        along = [generator.choice([-1.0, 1.0], x.shape) for _ in range(directions)]
        found = [probe(leaf, direction) for direction in along]
        few = generator.choice(x.size, min(entries, x.size), replace=False)
        # The largest of a claim that is nan somewhere is where it is.
        for place in dict.fromkeys([int(np.argmax(np.abs(claim))), *few.tolist()]):
            singles[leaf, place] = probe(leaf, _entry(x, place))
        if all(each.excess <= 1 for (at_leaf, _), each in singles.items() if at_leaf == leaf):
            for direction, each in zip(along, found, strict=True):
                if each.excess > 1:
                    place = _halve(probe, leaf, direction)
                    singles[leaf, place] = probe(leaf, _entry(x, place))
        probes += found
    probes += singles.values()
    decided = {each.leaf for each in probes if each.decides or each.excess > 1}
    if not decided:
        clearest = min(probes, key=lambda each: each.resolution)
        raise ValueError(
            f"{dtype} cannot tell: differences of a loss near {float(at):.3g} are exact to "
            f"{clearest.resolution:.0e}, and the gradient is no larger; evaluate the loss in "
            "float64 (in JAX inside `jax.enable_x64(True)`), or at other params"
        )
    wrong = {each.leaf for each in probes if each.excess > 1}
    shown = [key for key in singles if not wrong or key[0] in wrong]
    leaf, place = max(shown, key=lambda key: singles[key].excess)
    worst = singles[leaf, place]
    index = tuple(map(int, np.unravel_index(place, arrays[leaf].shape)))
    undecided = tuple(name for i, name in enumerate(names) if i not in decided)
    message = _sentence(not wrong, names[leaf], index, worst, dtype, undecided)
    return Check(
        not wrong,
        names[leaf],
        index,
        worst.claimed,
        worst.estimated,
        worst.error,
        worst.resolution,
        undecided,
        message,
    )


def _halve(probe: Callable[[int, np.ndarray], _Probe], leaf: int, direction: np.ndarray) -> int:
    """The entry at which a direction is worst, by going on with the half that is worse."""
    places = np.arange(direction.size)
    while places.size > 1:
        halves = np.array_split(places, 2)
        errors = []
        for half in halves:
            part = np.zeros(direction.size)
            part[half] = direction.flat[half]
            # Along a unit vector a mistake is divided by the root of the number of entries.
            errors.append(probe(leaf, part.reshape(direction.shape)).error * half.size**0.5)
        places = halves[int(np.argmax(errors))]
    return int(places[0])


def _sentence(
    agrees: bool,
    leaf: str,
    index: tuple[int, ...],
    worst: _Probe,
    dtype: np.dtype,
    undecided: tuple[str, ...],
) -> str:
    entry = leaf + (f"[{', '.join(map(str, index))}]" if index else "")
    verdict = "agrees with the loss" if agrees else "is wrong"
    hidden = f"; too small to tell: {', '.join(undecided)}" if undecided else ""
    return (
        f"the gradient {verdict}: worst is {entry}, {worst.claimed:.6g} where {dtype} differences "
        f"give {worst.estimated:.6g} ± {worst.resolution:.0e}, off by {worst.error:.1e}{hidden}"
    )


def _entry(x: np.ndarray, place: int) -> np.ndarray:
    direction = np.zeros(x.shape)
    direction.flat[place] = 1.0
    return direction
