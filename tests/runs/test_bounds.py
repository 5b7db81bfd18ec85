"""Intervals that end where a figure does."""

from __future__ import annotations

import math

import numpy as np
import pytest

from research.rl.environments.registered import FINITE, GYMNAX
from research.runs.bounds import RETURNS, UNBOUNDED, bounds_of, ends_of


@pytest.mark.parametrize(
    ("name", "environment", "expected"),
    [
        ("test/accuracy", "", (0.0, 1.0)),
        ("validation/token_accuracy", "", (0.0, 1.0)),
        ("test/mse", "", (0.0, math.inf)),
        ("train/loss", "", UNBOUNDED),
        ("evaluation/episode_return", "CartPole-v1", (0.0, 500.0)),
        ("evaluation/stochastic_episode_return", "CartPole-v1:limit=100", (0.0, 500.0)),
        ("evaluation/episode_return", "Pendulum-v1", (-math.inf, 0.0)),
        ("evaluation/episode_return", "Swimmer-misc", UNBOUNDED),
        ("train/reward", "CartPole-v1", UNBOUNDED),
    ],
)
def test_what_a_figure_can_be(name, environment, expected):
    assert bounds_of(name, {"environment": environment}) == expected


def test_the_environments_are_those_that_there_are():
    assert RETURNS.keys() <= GYMNAX.keys() | FINITE.keys()
    for name in ("Acrobot-v1", "CartPole-v1", "MountainCar-v0"):
        # One a step, at the most.
        assert max(map(abs, RETURNS[name])) == GYMNAX[name].longest_episode


def test_ends_are_cut_and_only_where_a_bound_is_reached():
    assert ends_of(0.99, 0.04, (0.0, 1.0)) == (0.95, 1.0, True)
    assert ends_of(0.5, 0.25, (0.0, 1.0)) == (0.25, 0.75, False)
    low, high, cut = ends_of(np.array([0.1, np.nan]), np.array([0.2, np.nan]), (0.0, 1.0))
    assert low[0] == 0.0 and math.isnan(low[1]) and math.isnan(high[1]) and cut
