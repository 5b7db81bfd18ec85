"""Which checkpoint of a run that acts is reported."""

from __future__ import annotations

from dataclasses import replace

import pytest

from experiments.rl import cartpole_dqn, cartpole_pqn
from research.engine.experiment import Selection
from research.options.config import make_experiment
from research.rl.acting import EVALUATIONS, select_reported


@pytest.mark.parametrize("module", [cartpole_dqn, cartpole_pqn])
def test_the_best_is_chosen_among_sixteen_unless_the_last_is_asked_for(module):
    best = make_experiment(module.config)
    assert best.selection == Selection("evaluation/episode_return")
    assert best.steps // best.evaluate_every == EVALUATIONS
    last = make_experiment(replace(module.config, report="last"))
    assert last.selection is None and last.steps == best.steps
    assert last.steps // last.evaluate_every == EVALUATIONS // 2


def test_a_short_run_is_evaluated_at_each_step():
    experiment = make_experiment(replace(cartpole_dqn.config, report="last").smoke())
    short = select_reported(experiment._replace(steps=5), "evaluation/episode_return")
    assert short.evaluate_every == 1
