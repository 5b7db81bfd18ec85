"""What a guided search tries next, and when it gives a trial up: pure functions of the history.

Optuna's samplers and pruners are called on a copy of the history in memory, with a seed for each
trial, so that after a kill the same history gives the same suggestion.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from research.sweep.points import draw_fresh, key_of, share
from research.sweep.space import Choices, Domain, Point, Space

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

ATTEMPTS = 50
"""How often the sampler is asked again for a point that is allowed and new."""
WARMUP_PERCENT = 10
"""No trial is given up before this share of its run."""
STARTUP_TRIALS = 5
"""No trial is given up before so many have been completed."""
SEED_STRIDE = 1000
"""Where on the way of a trial its next seed begins."""


def distribution(domain: Domain) -> BaseDistribution:
    """The domain as Optuna knows it; choices go by their spelling, so that any type can be one."""
    from optuna.distributions import (
        CategoricalDistribution,
        FloatDistribution,
        IntDistribution,
    )

    if isinstance(domain, Choices):
        return CategoricalDistribution(tuple(names_of(domain)))
    if domain.whole:
        return IntDistribution(int(domain.low), int(domain.high), log=domain.log)
    return FloatDistribution(domain.low, domain.high, log=domain.log)


def names_of(domain: Choices) -> dict[str, Any]:
    """Spelling -> value of each choice."""
    return {Choices((value,)).spell(): value for value in domain.values}


def distributions(space: Space) -> dict[str, BaseDistribution]:
    """Field -> distribution."""
    return {field: distribution(space[field]) for field in space}


def to_params(space: Space, point: Point) -> dict[str, Any]:
    """A point in Optuna's terms."""
    return {
        field: Choices((point[field],)).spell() if isinstance(domain, Choices) else point[field]
        for field, domain in space.items()
    }


def to_point(space: Space, params: Mapping[str, Any]) -> dict[str, Any]:
    """A point from Optuna's terms."""
    return {
        field: names_of(domain)[params[field]]
        if isinstance(domain, Choices)
        else domain.shorten(params[field])
        for field, domain in space.items()
    }


def next_point(
    space: Space,
    history: Sequence[FrozenTrial],
    *,
    seed: int,
    maximize: bool,
    refuse: Callable[[Point], list[str]],
) -> dict[str, Any] | str:
    """The point of the next trial, or why there is none.

    Args:
        space: what varies.
        history: all trials before it, in order; those at work count as not promising.
        seed: of the search; with the history it decides the point.
        maximize: whether the objective is to be large.
        refuse: what is wrong with a point; empty where nothing is.
    """
    import optuna

    seen = {key_of(to_point(space, trial.params)) for trial in history}
    trial = len(history)
    for attempt in range(ATTEMPTS):
        sampler = optuna.samplers.TPESampler(
            seed=int(share(seed, "sampler", trial, attempt) * 2**32),
            multivariate=True,
            constant_liar=True,
        )
        study = optuna.create_study(sampler=sampler, direction=_direction(maximize))
        study.add_trials(history)
        point = to_point(space, study.ask(distributions(space)).params)
        if key_of(point) not in seen and not refuse(point):
            return point
    return draw_fresh(space, seed, trial, seen, refuse)


def _direction(maximize: bool) -> Any:
    return "maximize" if maximize else "minimize"


def gives_up(
    history: Sequence[FrozenTrial], reports: Mapping[int, float], *, maximize: bool
) -> bool:
    """Whether a trial is worse than the median of those before it at the same place.

    Each seed is held against the same seed of the others.

    Args:
        history: the trials that have ended.
        reports: place on the way (see `place_of`) -> figure.
        maximize: whether the objective is to be large.
    """
    import optuna

    last = max(reports, default=0)
    # At its very end nothing is saved by giving up.
    if not WARMUP_PERCENT <= last % SEED_STRIDE < 100:
        return False
    begun = last - last % SEED_STRIDE
    own = {place: value for place, value in reports.items() if place >= begun}
    study = optuna.create_study(direction=_direction(maximize))
    study.add_trials([trial for trial in history if trial.state.is_finished()])
    running = optuna.trial.create_trial(
        state=optuna.trial.TrialState.RUNNING, intermediate_values=own
    )
    pruner = optuna.pruners.MedianPruner(n_startup_trials=STARTUP_TRIALS)
    return bool(pruner.prune(study, running))


def place_of(step: int, steps: int, seed_index: int) -> int:
    """How far a trial is: whole per cent of the run, with 1000 for each seed before.

    Trials whose runs differ in length are so compared at the same share of their way.
    """
    return SEED_STRIDE * seed_index + 100 * step // max(steps, 1)
