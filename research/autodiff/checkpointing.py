"""Checkpointing: the gradient through a long recurrence, with few of its states kept.

Reverse mode needs the states x_0, x_1, ... of x_{i+1} = f(x_i) from the last to the first. A
schedule says which are kept and which are computed again: a sequence of actions, a pure function
of the number of steps. With s states at a time and each step computed at most r times before it is
reversed, `binomial` reverses C(s + r, s) steps, and no schedule reverses more.

Source: Griewank and Walther 2000, "Algorithm 799: revolve" (ACM TOMS 26, 19-45).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal, NamedTuple

import numpy as np

from research.autodiff.trees import map_leaves


class Action(NamedTuple):
    """What is done next; the current state is at some step.

    Attributes:
        kind: `advance`: steps are computed until the state of `step`. `keep`: the current state,
            of `step`, is kept. `restore`: the kept state of `step` becomes the current one.
            `drop`: the kept state of `step` is forgotten. `reverse`: the step from the current
            state, of `step`, is computed once more together with its vjp, which is applied.
        step: its number.
    """

    kind: Literal["advance", "keep", "restore", "drop", "reverse"]
    step: int


def keep_all(steps: int) -> Iterator[Action]:
    """Every state is kept and no step computed twice: what reverse mode does by itself."""
    return every(1, steps)


def every_root(steps: int) -> Iterator[Action]:
    """Every √n-th state is kept, and then all states of one stretch at a time: about 2 √n.

    A step is computed at most twice before it is reversed.

    Source: Chen et al. 2016, "Training Deep Nets with Sublinear Memory Cost" (arXiv 1604.06174).
    """
    return every(max(1, math.isqrt(steps)), steps)


def every(stretch: int, steps: int) -> Iterator[Action]:
    """Each state whose number `stretch` divides is kept, and then all of one stretch at a time."""
    starts = range(0, _checked("steps", steps), _checked("stretch", stretch))
    for start in starts:
        yield from [] if start == 0 else [Action("advance", start)]
        yield Action("keep", start)
    for start in reversed(starts):
        end = min(start + stretch, steps)
        if start != starts[-1]:
            yield Action("restore", start)
        for step in range(start + 1, end):
            yield Action("advance", step)
            yield Action("keep", step)
        for step in reversed(range(start, end)):
            if step != end - 1:
                yield Action("restore", step)
            yield Action("reverse", step)
            yield Action("drop", step)


def binomial(snapshots: int, steps: int) -> Iterator[Action]:
    """As few steps as can be with at most `snapshots` states kept, the first one included."""
    _checked("snapshots", snapshots)
    yield Action("keep", 0)
    # A stack of our own, of what is to be done and of stretches to be reversed: with many snapshots
    # there are more within each other than Python's calls may be.
    pending: list[Action | _Stretch] = [_Stretch(0, _checked("steps", steps), snapshots)]
    while pending:
        match pending.pop():
            case Action() as action:
                yield action
            case _Stretch(begin, end, left) if end - begin > 1:
                middle = begin + _first_part(end - begin, left)
                yield Action("advance", middle)
                pending += [_Stretch(begin, middle, left), Action("restore", begin)]
                # The last step is reversed at once and never comes back to its state.
                if end - middle > 1:
                    yield Action("keep", middle)
                    pending.append(Action("drop", middle))
                pending.append(_Stretch(middle, end, left - 1))
            case _Stretch(begin):
                yield Action("reverse", begin)
    yield Action("drop", 0)


class _Stretch(NamedTuple):
    """Steps to be reversed; the state of the first is current, and kept unless it is alone."""

    begin: int
    end: int
    snapshots: int


def _first_part(steps: int, snapshots: int) -> int:
    """How far to advance before the next state is kept.

    What follows is reversed with one snapshot fewer, and what was passed with one repeat fewer:
    neither part is longer than that allows, for the smallest number of repeats.
    """
    repeats = repeats_needed(steps, snapshots)
    shortest_rest = reach(snapshots - 1, repeats - 1)
    return min(reach(snapshots, repeats - 1), steps - shortest_rest)


def reach(snapshots: int, repeats: int) -> int:
    """C(s + r, s), the most steps that s snapshots reverse with r repeats of each at most."""
    return math.comb(snapshots + repeats, snapshots)


def repeats_needed(steps: int, snapshots: int) -> int:
    """The smallest r with C(s + r, s) >= steps."""
    repeats = 0
    while reach(snapshots, repeats) < steps:
        repeats += 1
    return repeats


def fewest_advances(steps: int, snapshots: int) -> int:
    """How many steps `binomial` computes beside those reversed: r n - C(s + r, s + 1)."""
    repeats = repeats_needed(steps, snapshots)
    return repeats * steps - math.comb(snapshots + repeats, snapshots + 1)


class Reversed(NamedTuple):
    """A loss after many steps, its gradient, and what they cost.

    Attributes:
        loss: its value.
        params: its gradient with respect to the parameters, a tree of their shape.
        start: its gradient with respect to the first state.
        advances: steps that were computed without their vjp; each step is computed once with it.
        kept: the largest number of states that were kept at a time.
    """

    loss: Any
    params: Any
    start: Any
    advances: int
    kept: int


def differentiate(
    step: Callable[[Any, Any, int], Any],
    step_vjp: Callable[[Any, Any, int], tuple[Any, Callable[[Any], tuple[Any, Any]]]],
    loss: Callable[[Any], tuple[Any, Any]],
    params: Any,
    start: Any,
    schedule: Iterable[Action],
) -> Reversed:
    """The gradient of loss(x_n), where x_{i+1} = step(params, x_i, i), by a schedule.

    Cotangents of the parameters are added up from the last step to the first under every schedule:
    results are the same to the bit, if `step` is a pure function.

    Args:
        step: (params, state, number) -> the next state.
        step_vjp: the same -> (the next state, its pullback: cotangent of the next state ->
            cotangents of params and state), as `jax.vjp(lambda p, x: step(p, x, i), p, x)` gives.
        loss: last state -> (value, its gradient with respect to this state).
        params: a tree of arrays.
        start: x_0, of any kind that `step` takes.
        schedule: the actions, for example `binomial(10, n)`; the number of steps is its own.
    """
    state, at = start, 0
    snapshots: dict[int, Any] = {}
    value, cotangent, gradient = None, None, map_leaves(np.zeros_like, params)
    advances = kept = 0
    for kind, number in schedule:
        if kind == "advance":
            for index in range(at, number):
                state = step(params, state, index)
            advances += number - at
            at = number
        elif kind == "keep":
            snapshots[number] = state
            kept = max(kept, len(snapshots))
        elif kind == "drop":
            del snapshots[number]
        elif kind == "restore":
            state, at = snapshots[number], number
        else:
            following, pull = step_vjp(params, state, number)
            if value is None:
                value, cotangent = loss(following)
            of_params, cotangent = pull(cotangent)
            gradient = map_leaves(lambda total, new: total + new, gradient, of_params)
    return Reversed(value, gradient, cotangent, advances, kept)


def _checked(name: str, count: int) -> int:
    if count < 1:
        raise ValueError(f"{name} is {count}; at least 1 is needed")
    return count
