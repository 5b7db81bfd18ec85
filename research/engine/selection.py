"""Which checkpoint a run reports: the best by a metric, for each member of a population."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from research.engine.headline import headline, larger_is_better

if TYPE_CHECKING:
    from research.engine.experiment import Experiment
    from research.engine.ledger import Ledger


class Selection(NamedTuple):
    """Which checkpoint a run reports: the best by a metric, instead of the last.

    Attributes:
        metric: a flat name such as `validation/accuracy`.
        larger_is_better: whether the best is the largest.
    """

    metric: str
    larger_is_better: bool = True


class Best(NamedTuple):
    """The best save so far, of one member."""

    step: int
    figure: float


Bests = tuple[Best | None, ...]
"""One entry a member (one in all for a run of one seed); None where there is no candidate."""


def better(
    bests: Bests, step: int, metrics: Mapping[str, Any], selection: Selection | None
) -> Bests:
    """The better of the best saves so far and another; the first of equals.

    A figure that is missing or not finite is no candidate.
    """
    if selection is None or selection.metric not in metrics:
        return bests
    figures = each_member(metrics[selection.metric])
    sign = 1 if selection.larger_is_better else -1
    before = bests or (None,) * len(figures)
    return tuple(
        Best(step, figure)
        if isinstance(figure, float)
        and math.isfinite(figure)
        and (best is None or sign * figure > sign * best.figure)
        else best
        for best, figure in zip(before, figures, strict=True)
    )


def best_by(experiment: Experiment, names: Iterable[str]) -> Selection | None:
    """What makes one checkpoint better than another.

    The experiment's selection; without one, the figure that matters most of those that are watched,
    by which a run keeps its best checkpoint and does not report it.

    Args:
        experiment: whose checkpoints.
        names: of the figures that there are.
    """
    if experiment.selection is not None:
        return experiment.selection
    metric = headline(name for name in names if name.split("/")[0] in experiment.watched)
    larger = None if metric is None else larger_is_better(metric)
    return None if metric is None or larger is None else Selection(metric, larger)


def kept_saves(opened: Ledger, experiment: Experiment) -> Bests:
    """The best saves of a ledger, whether or not the experiment reports them."""
    bests: Bests = ()
    for step, line in opened.saves().items():
        bests = better(bests, step, line["metrics"], best_by(experiment, line["metrics"]))
    return bests


def best_saves(opened: Ledger, selection: Selection | None) -> Bests:
    """The best saves of a ledger by an experiment's selection."""
    bests: Bests = ()
    for step, line in opened.saves().items():
        bests = better(bests, step, line["metrics"], selection)
    return bests


def steps_of(bests: Bests) -> set[int]:
    """The steps whose checkpoints are to be kept for them."""
    return {best.step for best in bests if best is not None}


def reported_steps(bests: Bests, last: int) -> list[int]:
    """The step that each member reports: its best, or the last where it has none."""
    return [last if best is None else best.step for best in bests or (None,)]


def each_member(figure: Any) -> Sequence[Any]:
    """A figure as a list with one entry a member."""
    return figure if isinstance(figure, list) else [figure]
