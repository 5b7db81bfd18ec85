"""Selection: the figure that matters most, and the checkpoint that a run reports by one."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from research.engine.experiment import Experiment, Feed
    from research.engine.ledger import Ledger
    from research.engine.metrics import Metrics


SPLITS = ("test", "evaluation", "validation")
"""The order in which splits are preferred; then come others, `train` last."""

KINDS = {
    # Only models of texts have it, and there it says more than an accuracy.
    "bits": False,
    "accuracy": True,
    "episode_return": True,
    "return": True,
    "reward": True,
    "success_rate": True,
    "whole": True,
    "score": True,
    "f1": True,
    "precision": True,
    "recall": True,
    "auc": True,
    "r2": True,
    "evidence_lower_bound": True,
    "elbo": True,
    "log_likelihood": True,
    "bits_per_character": False,
    "bits_per_byte": False,
    "bits_per_dimension": False,
    "perplexity": False,
    "fid": False,
    "error_rate": False,
    "error": False,
    "rmse": False,
    "mse": False,
    "mae": False,
    "bce": False,
    "negative_log_likelihood": False,
    "nll": False,
    "distance": False,
    "residual": False,
    "divergence": False,
    "loss": False,
}
"""Kind of figure -> whether larger is better, in the order in which they are preferred."""


def headline(names: Iterable[str], named: str = "") -> str | None:
    """The name of the figure that matters most, or None where there is none.

    The one that the experiment names, where the run has it. Else the first split of `SPLITS` that
    was measured decides (then any other, then `train`), and in it the first of `KINDS`: test
    accuracy before validation accuracy, accuracy before loss. A name that is just the kind goes
    before one that ends in it (`mse` before `naive_mse`).

    Names are flat, `test/accuracy`; `named` is `Experiment.headline`, or "".
    """
    names = list(names)
    figures = [name for name in names if "/" in name]
    return named if named and named in names else min(figures, key=rank, default=None)


def larger_is_better(name: str) -> bool | None:
    """Whether a larger value of this figure is better; None where its name has no known kind."""
    found = _kind(name.rpartition("/")[2])
    return None if found is None else KINDS[found]


def matching(word: str, names: Iterable[str]) -> list[str]:
    """The figures that `word` may stand for: the full name, else its last part, in order."""
    names = list(dict.fromkeys(names))
    full = [name for name in names if name == word]
    return full or sorted((n for n in names if n.rpartition("/")[2] == word), key=rank)


def rank(name: str) -> tuple[int, int, int, int, str]:
    """A key by which figures stand in the order in which they matter."""
    split, _, short = name.rpartition("/")
    measured = (*SPLITS, split) if split != "train" else (*SPLITS, "", split)
    kind = _kind(short)
    order = len(KINDS) if kind is None else list(KINDS).index(kind)
    return measured.index(split), order, int(short != kind), len(short), name


def _kind(short: str) -> str | None:
    """The kind that a name is, or ends in; the longest where several fit."""
    fitting = [kind for kind in KINDS if short == kind or short.endswith(f"_{kind}")]
    return max(fitting, key=len, default=None)


class Selection(NamedTuple):
    """Which checkpoint a run reports: the best by a metric, instead of the last.

    Attributes:
        metric: a flat name such as `validation/accuracy`.
        larger_is_better: whether the best is the largest.
        patience: evaluations in a row without a better one, after which a member is out and the
            run, where all its members are, at its end; 0 for a run of all its steps.
    """

    metric: str
    larger_is_better: bool = True
    patience: int = 0


class Best(NamedTuple):
    """The best save so far, of one member.

    `waited` counts the evaluations since, where patience ends a run.
    """

    step: int
    figure: float
    waited: int = 0


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
    before = bests or (None,) * len(figures)
    return tuple(
        _after(best, step, figure, selection) for best, figure in zip(before, figures, strict=True)
    )


def _after(best: Best | None, step: int, figure: Any, selection: Selection) -> Best | None:
    if _is_out(best, selection):
        # What a member does later, while others go on, is not its own run's: it does not count.
        return best
    sign = 1 if selection.larger_is_better else -1
    finite = isinstance(figure, float) and math.isfinite(figure)
    if finite and (best is None or sign * figure > sign * best.figure):
        return Best(step, figure)
    return best._replace(waited=best.waited + 1) if best and selection.patience else best


def _is_out(best: Best | None, selection: Selection) -> bool:
    return best is not None and 0 < selection.patience <= best.waited


def is_over(bests: Bests, selection: Selection | None) -> bool:
    """Whether patience has ended the run: every member is out.

    A member that never had a finite figure never is.
    """
    return selection is not None and bool(bests) and all(_is_out(b, selection) for b in bests)


def bests_until(
    reports: Mapping[int, Mapping[str, Any]], step: float, selection: Selection | None
) -> Bests:
    """The best of the evaluations up to a step; reports are ascending."""
    bests: Bests = ()
    for at, figures in reports.items():
        if at <= step:
            bests = better(bests, at, figures, selection)
    return bests


def end_of(
    reports: Mapping[int, Mapping[str, Any]], selection: Selection | None, steps: int
) -> int:
    """The step at which a run with such figures ends: its last, or where patience ends it."""
    bests: Bests = ()
    for at, figures in reports.items():
        bests = better(bests, at, figures, selection)
        if is_over(bests, selection):
            return at
    return steps


def best_by(experiment: Experiment, names: Iterable[str]) -> Selection | None:
    """What makes one checkpoint better than another.

    The experiment's selection; without one, the figure that matters most of those that are watched
    (the experiment's `headline` where it is one of them and has a good end), by which a run keeps
    its best checkpoint and does not report it.
    """
    if experiment.selection is not None:
        return experiment.selection
    watched = [name for name in names if name.split("/")[0] in experiment.watched]
    named = experiment.headline
    metric = headline(watched, "" if larger_is_better(named) is None else named)
    larger = None if metric is None else larger_is_better(metric)
    return None if metric is None or larger is None else Selection(metric, larger)


def figure_names(experiment: Experiment, feed: Feed, splits: Iterable[str]) -> set[str]:
    """The names of the figures of splits, by tracing `evaluate`; nothing is computed."""
    from research.engine import metrics

    return {
        f"{split}/{name}"
        for split in splits
        for name in metrics.figure_names(trace_metrics(experiment, feed, split))
    }


def has_sums(experiment: Experiment, feed: Feed, split: str) -> bool:
    """Whether some of a split's metrics are arrays."""
    from research.engine import metrics

    found = trace_metrics(experiment, feed, split)
    return len(metrics.figure_names(found)) < len(found)


def trace_metrics(experiment: Experiment, feed: Feed, split: str) -> Metrics:
    """What `evaluate` gives for a split, by shape and dtype; nothing is computed."""
    import jax

    from research.engine.experiment import bind, state_shapes

    key = jax.eval_shape(lambda: jax.random.key(0))
    state, batch = state_shapes(experiment), next(iter(feed.evaluation(split)))
    evaluate = bind(experiment, experiment.inputs).evaluate
    found: Metrics = jax.eval_shape(evaluate, state, batch, key)
    return found


def with_patience(experiment: Experiment, names: Iterable[str], patience: int) -> Experiment:
    """The experiment, ended after so many evaluations in a row without a better one.

    It then reports its best checkpoint: by its selection, or without one by the figure that matters
    most of those that are watched.

    `patience` 0 leaves it as it is; `names` are the figures of its evaluations.
    """
    selection = best_by(experiment, names)
    if not patience or selection is None:
        return experiment
    return experiment._replace(selection=selection._replace(patience=patience))


def kept_saves(opened: Ledger, experiment: Experiment) -> Bests:
    """The best saves of a ledger, whether or not the experiment reports them."""
    bests: Bests = ()
    for step, line in opened.saves().items():
        bests = better(bests, step, line["metrics"], best_by(experiment, line["metrics"]))
    return bests


def best_saves(opened: Ledger, selection: Selection | None) -> Bests:
    """The best saves of a ledger by an experiment's selection."""
    figures = {step: line["metrics"] for step, line in opened.saves().items()}
    return bests_until(figures, math.inf, selection)


def steps_of(bests: Bests) -> set[int]:
    """The steps whose checkpoints are to be kept for them."""
    return {best.step for best in bests if best is not None}


def reported_steps(bests: Bests, last: int) -> list[int]:
    """The step that each member reports: its best, or the last where it has none."""
    return [last if best is None else best.step for best in bests or (None,)]


def each_member(figure: Any) -> Sequence[Any]:
    """A figure as a list with one entry a member."""
    return figure if isinstance(figure, list) else [figure]
