"""A gradient checker: a claimed gradient of any loss, against differences of the loss itself.

The loss is differentiated along random directions of each array of the parameters, which notices
a mistake in any entry, and along some entries alone. Where a direction disagrees, halving it finds
the entry that is worst.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from research.autodiff.check_inputs import Inputs, read_inputs
from research.autodiff.probes import Probe, probe, probe_entry, worst_entry


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
        undecided: arrays whose derivatives are smaller than the differences can show.
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

    The loss is called with float64. It is judged by the tolerance of float64 if it computes in it
    (a loss in JAX: inside `jax.enable_x64(True)`), otherwise by that of float32, in which a mistake
    in one entry of many can be less than rounding and stay unseen.

    Args:
        loss: params -> one number.
        params: a tree (dicts, lists, tuples, named tuples) of arrays of floats.
        gradient: a tree of the same shapes, or params -> such a tree, as `jax.grad(loss)`.
        directions: random directions for each array.
        entries: how many entries of each array are looked at alone, beside the largest.
        seed: of directions and entries.

    Raises:
        ValueError: loss, params or gradient are not of this kind; the loss is not finite; or it is
            too coarse to tell anything.
    """
    generator = np.random.default_rng(seed)
    inputs = read_inputs(loss, params, gradient, generator)
    whole: list[Probe] = []
    single: dict[tuple[int, int], Probe] = {}
    for leaf, (x, claim) in enumerate(zip(inputs.arrays, inputs.claims, strict=True)):
        few = generator.choice(x.size, min(entries, x.size), replace=False).tolist()
        # Where a claim is nan, that is its largest.
        places = {int(np.argmax(np.abs(claim))), *few}
        for _ in range(directions):
            direction = generator.choice([-1.0, 1.0], x.shape)
            whole.append(probe(inputs, leaf, direction))
            if whole[-1].excess > 1:
                places.add(worst_entry(inputs, leaf, direction))
        single |= {(leaf, place): probe_entry(inputs, leaf, place) for place in sorted(places)}
    probes = [*whole, *single.values()]
    decided = {each.leaf for each in probes if each.decides}
    if not decided:
        raise ValueError(_cannot_tell(inputs, probes))
    wrong = {each.leaf for each in probes if each.excess > 1}
    shown = [key for key in single if not wrong or key[0] in wrong]
    leaf, place = max(shown, key=lambda key: single[key].excess)
    worst, name = single[leaf, place], inputs.names[leaf]
    entry = tuple(map(int, np.unravel_index(place, inputs.arrays[leaf].shape)))
    undecided = tuple(each for i, each in enumerate(inputs.names) if i not in decided)
    message = (
        f"the gradient {'is wrong' if wrong else 'agrees with the loss'}: worst is "
        f"{name}{list(entry) or ''}, {worst.claimed:.6g} where {inputs.dtype} differences give "
        f"{worst.estimated:.6g} ± {worst.resolution:.0e}, off by {worst.error:.1e}"
    )
    if undecided:
        message += f"; too small to tell: {', '.join(undecided)}"
    figures = worst.claimed, worst.estimated, worst.error, worst.resolution
    return Check(not wrong, name, entry, *figures, undecided, message)


def _cannot_tell(inputs: Inputs, probes: list[Probe]) -> str:
    best = min(each.resolution for each in probes)
    advice = (
        "compute the loss in float64 (in JAX inside `jax.enable_x64(True)`)"
        if inputs.dtype == np.float32
        else "the loss has a kink here, or noise: choose other params"
    )
    return (
        f"{inputs.dtype} cannot tell: differences of a loss near {inputs.at:.3g} are exact to "
        f"{best:.0e}, and its derivatives are hardly larger; {advice}"
    )
