"""Which checkpoint an experiment that acts reports: the last, or the best that was seen."""

from __future__ import annotations

from typing import Literal, TypeAlias

from research.engine.experiment import Experiment, Selection

Report: TypeAlias = Literal["last", "evaluation/episode_return"]
"""The last checkpoint, or the best by an evaluation's mean return, the first of equals."""

EVALUATIONS = 16
"""In a run of which the best is reported."""


def reporting(experiment: Experiment, report: Report) -> Experiment:
    """The experiment with a choice of what it reports.

    What is chosen by an evaluation is then evaluated anew, in other episodes. To report the best
    is what is done where a policy is good long before it is steady (rl-baselines3-zoo saves
    its `best_model` so).

    Args:
        experiment: that acts.
        report: which checkpoint.
    """
    if report == "last":
        return experiment
    every = max(1, experiment.steps // EVALUATIONS)
    return experiment._replace(selection=Selection(report), evaluate_every=every)
