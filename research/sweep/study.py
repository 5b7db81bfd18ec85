"""The history of a guided search, an Optuna study in SQLite, and the point it suggests next."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from research.errors import Damaged
from research.options.command import require
from research.sweep.space import Choices, Domain, Point, Space, draw_fresh, key_of, share

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

    from research.sweep.trial import Ending


FILE = "optuna.sqlite"
_NAME = "sweep"
_REASON = "reason"


def require_optuna() -> None:
    """Import Optuna, and silence it.

    Raises:
        Mistake: it is not installed.
    """
    optuna = require("optuna", "--optimize", " (--grid and --random do without)")
    optuna.logging.set_verbosity(optuna.logging.ERROR)


class Study:
    """The trials of one sweep. A trial is added whole, with its point, and closed once.

    A study is made where there is none.

    Raises:
        Damaged: the file cannot be read.
    """

    def __init__(self, directory: Path, space: Space, *, maximize: bool) -> None:
        import sqlite3

        import optuna
        from sqlalchemy.exc import SQLAlchemyError
        from sqlalchemy.pool import QueuePool

        self._space = space
        self._maximize = maximize
        path = directory / FILE
        try:
            # Not by a URL: in its path a question mark and its like mean something.
            self._storage = optuna.storages.RDBStorage(
                "sqlite://",
                engine_kwargs={
                    "creator": lambda: sqlite3.connect(path, check_same_thread=False),
                    "poolclass": QueuePool,
                },
            )
            self._study = optuna.create_study(
                storage=self._storage,
                study_name=_NAME,
                direction=_direction(maximize),
                load_if_exists=True,
            )
        except SQLAlchemyError as error:
            first = str(error.__cause__ or error).splitlines()[0]
            raise Damaged(
                f"{path} cannot be read ({first}); move it away, and the same command makes it "
                "anew: runs that are finished are not made again"
            ) from None

    def trials(self) -> list[FrozenTrial]:
        """All trials, in order."""
        return self._study.get_trials(deepcopy=False)

    def point(self, number: int) -> dict[str, Any]:
        """The point of a trial."""
        return to_point(self._space, self.trials()[number].params)

    def at_work(self) -> list[int]:
        """The numbers of the trials that have begun and not ended."""
        return [trial.number for trial in self.trials() if not trial.state.is_finished()]

    def begin(
        self, seed: int, refuse: Callable[[Point], list[str]]
    ) -> tuple[int, dict[str, Any]] | str:
        """Add the next trial: its number and point, or why there is none."""
        import optuna

        history = self.trials()
        point = next_point(self._space, history, seed=seed, maximize=self._maximize, refuse=refuse)
        if isinstance(point, str):
            return point
        # One transaction: a kill leaves the trial with all of its values, or no trial.
        self._study.add_trial(
            optuna.trial.create_trial(
                state=optuna.trial.TrialState.RUNNING,
                params=to_params(self._space, point),
                distributions=distributions(self._space),
            )
        )
        return len(history), point

    def gives_up(self, number: int, reports: Mapping[int, float]) -> bool:
        """Whether a trial with these figures so far has no prospect."""
        history = [trial for trial in self.trials() if trial.number != number]
        return gives_up(history, reports, maximize=self._maximize)

    def close(
        self, number: int, ending: Ending, value: float | None, reports: Mapping[int, float]
    ) -> None:
        """Record how a trial ended. All but the last write may be made twice."""
        from optuna.trial import TrialState

        trial = self.trials()[number]
        for place, reported in reports.items():
            # Optuna's storage takes a NaN for a missing value.
            if math.isfinite(reported):
                self._storage.set_trial_intermediate_value(trial._trial_id, place, reported)
        if ending.reason:
            self._storage.set_trial_user_attr(trial._trial_id, _REASON, ending.reason)
        states = {
            "complete": TrialState.COMPLETE if value is not None else TrialState.FAIL,
            "pruned": TrialState.PRUNED,
            "failed": TrialState.FAIL,
        }
        state = states[ending.state]
        self._study.tell(number, value if state == TrialState.COMPLETE else None, state=state)

    def outcome(self, number: int) -> tuple[str, str]:
        """How a trial ended, in the words of `Ending`, and why; ("", "") while it is at work."""
        trial = self.trials()[number]
        words = {"COMPLETE": "complete", "PRUNED": "pruned", "FAIL": "failed"}
        return words.get(trial.state.name, ""), str(trial.user_attrs.get(_REASON, ""))

    def value(self, number: int) -> float | None:
        """The objective of a complete trial."""
        trial = self.trials()[number]
        return trial.value if trial.state.name == "COMPLETE" else None

    def shut(self) -> None:
        """Let go of the file."""
        self._storage.remove_session()
        self._storage.engine.dispose()


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

    Trials at work count as not promising; the seed and the history decide the point.
    """
    import optuna

    tried = {key_of(to_point(space, trial.params)) for trial in history}
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
        if key_of(point) not in tried and not refuse(point):
            return point
    return draw_fresh(space, seed, trial, tried, refuse)


def _direction(maximize: bool) -> Any:
    return "maximize" if maximize else "minimize"


def gives_up(
    history: Sequence[FrozenTrial], reports: Mapping[int, float], *, maximize: bool
) -> bool:
    """Whether a trial is worse than the median of those before it at the same place.

    Each seed is held against the same seed of the others.

    `history` are trials that have ended; `reports` maps a place (`place_of`) to a figure.
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
