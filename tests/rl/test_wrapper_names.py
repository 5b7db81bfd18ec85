"""Wrappers in an environment's name: what is made, what is refused, and in which words."""

from __future__ import annotations

import subprocess
import sys

import jax
import jax.numpy as jnp
import pytest

from research.rl.environments.registered import GYMNAX, make_environment, unfit
from research.rl.environments.wrappers import WRAPPERS, parse_name


def test_a_name_says_what_is_made():
    name = "Breakout-MinAtar:sticky=0.25:stack=4:limit=500"
    assert parse_name(name) == ("Breakout-MinAtar", {"sticky": 0.25, "stack": 4, "limit": 500})
    assert parse_name("Breakout-MinAtar") == ("Breakout-MinAtar", {})
    assert unfit(name, continuous=False) == []
    environment = make_environment(name)
    assert environment.name == name
    assert environment.observation_shape == (10, 10, 16)
    assert environment.longest_episode == 500
    assert environment.actions == 3 and environment.renderer is not None
    state, _ = jax.eval_shape(environment.reset, jax.random.key(0))
    kinds = [type(state).__name__, type(state.inner).__name__, type(state.inner.inner).__name__]
    assert kinds == ["LimitState", "StackState", "StickyState"]


def test_vectors_and_numbers_of_states_are_wrapped_too():
    pendulum = make_environment("Pendulum-v1:sticky=0.1:limit=50")
    state, _ = pendulum.reset(jax.random.key(0))
    after, _ = pendulum.step(jax.random.key(1), state, jnp.ones(1))
    assert after.inner.previous_action == 1.0 and int(after.time) == 1
    assert make_environment("Maze-finite:limit=30").states == 43


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("CartPole-v1:stiky=0.1", ["no wrapper 'stiky'", "did you mean sticky?", *WRAPPERS]),
        ("CartPole-v1:", ["no wrapper ''", "stack=N"]),
        ("CartPole-v1:stack", ["stack=N asks for a whole number, at least 1, not ''"]),
        ("CartPole-v1:stack=2.5", ["whole number", "'2.5'"]),
        ("CartPole-v1:stack=0", ["at least 1, not 0"]),
        ("CartPole-v1:sticky=1", ["sticky=N asks for a number, at least 0 and below 1, not 1"]),
        ("CartPole-v1:sticky=nan", ["below 1, not nan"]),
        ("CartPole-v1:stack=2,limit=5", ["not '2,limit=5'"]),
        ("CartPole-v1:stack=2:stack=3", ["stack is given twice"]),
        ("CartPole-v1:limit=501", ["limit=501", "after 500 steps"]),
        ("Maze-finite:limit=201", ["after 200 steps"]),
        ("FrozenLake-misc:stack=2", ["indices of states"]),
        ("Cartpole-v1:stack=2", ["no such environment", "did you mean CartPole-v1?"]),
        ("MNISTBandit-bsuite:stack=2", ["network"]),
    ],
)
def test_what_a_name_may_not_say(name, said):
    (problem,) = unfit(name)
    assert problem.startswith(f"--environment {name}")
    assert all(part in problem for part in said)
    with pytest.raises(ValueError) as raised:
        make_environment(name)
    assert str(raised.value) == problem


def test_a_wrapped_environment_fits_where_the_bare_one_does():
    for name, kind in GYMNAX.items():
        for continuous in (True, False):
            for tabular in (True, False):
                bare = unfit(name, continuous, tabular)
                wrapped = unfit(f"{name}:sticky=0.5:limit=1", continuous, tabular)
                assert (
                    bool(bare)
                    == bool(wrapped)
                    == bool(
                        kind.unavailable or kind.continuous != continuous or kind.tabular != tabular
                    )
                )


def test_planning_asks_for_the_process_alone():
    assert unfit("Maze-finite", known=True) == []
    (problem,) = unfit("Maze-finite:limit=30", known=True)
    assert "a model is known of Maze-finite alone" in problem and "leave limit out" in problem
    assert unfit("Maze-finite:limit=30", tabular=True) == []


def test_a_name_is_judged_before_gymnax_is_imported():
    asked = (
        "import sys; from research.rl.environments.registered import unfit;"
        "print(unfit('Breakout-MinAtar:stack=4'), unfit('Breakout-MinAtar:limit=9999'));"
        "sys.exit('gymnax' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("[] ['--environment Breakout-MinAtar:limit=9999")
