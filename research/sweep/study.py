"""The history of a guided search: an Optuna study in SQLite, whole after a kill at any moment."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from research.errors import Damaged, Mistake
from research.sweep import suggest
from research.sweep.space import Point, Space

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

    from research.sweep.outcome import Ending

FILE = "optuna.sqlite"
_NAME = "sweep"
_REASON = "reason"


def require_optuna() -> None:
    """Import Optuna, and silence it.

    Raises:
        Mistake: it is not installed.
    """
    try:
        import optuna
    except ImportError:
        raise Mistake(
            "--optimize needs Optuna, which is not installed here: pip install optuna "
            "(--grid and --random do without)"
        ) from None
    optuna.logging.set_verbosity(optuna.logging.ERROR)


class Study:
    """The trials of one sweep. A trial is added whole, with its point, and closed once.

    Args:
        directory: the sweep's; the study is made where there is none.
        space: what varies.
        maximize: whether the objective is to be large.

    Raises:
        Damaged: the file cannot be read.
    """

    def __init__(self, directory: Path, space: Space, *, maximize: bool) -> None:
        import optuna
        from sqlalchemy.exc import SQLAlchemyError
        from sqlalchemy.pool import QueuePool

        self._space = space
        self._maximize = maximize
        path = directory / FILE
        direction: Literal["maximize", "minimize"] = "maximize" if maximize else "minimize"
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
                direction=direction,
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
        return suggest.to_point(self._space, self.trials()[number].params)

    def at_work(self) -> list[int]:
        """The numbers of the trials that have begun and not ended."""
        return [trial.number for trial in self.trials() if not trial.state.is_finished()]

    def begin(
        self, seed: int, refuse: Callable[[Point], list[str]]
    ) -> tuple[int, dict[str, Any]] | str:
        """Add the next trial: its number and point, or why there is none."""
        import optuna

        history = self.trials()
        point = suggest.next_point(
            self._space, history, seed=seed, maximize=self._maximize, refuse=refuse
        )
        if isinstance(point, str):
            return point
        # One transaction: a kill leaves the trial with all of its values, or no trial.
        self._study.add_trial(
            optuna.trial.create_trial(
                state=optuna.trial.TrialState.RUNNING,
                params=suggest.to_params(self._space, point),
                distributions=suggest.distributions(self._space),
            )
        )
        return len(history), point

    def gives_up(self, number: int, reports: Mapping[int, float]) -> bool:
        """Whether a trial with these figures so far has no prospect."""
        history = [trial for trial in self.trials() if trial.number != number]
        return suggest.gives_up(history, reports, maximize=self._maximize)

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
