"""Planning: the book's figures, and fixed points that are the exact answers."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from research.options.config import make_experiment, problems_of
from research.rl.algorithms.planning import (
    Method,
    Planning,
    backup,
    greedy_value,
    make_model,
    make_policy_iteration,
    policy_evaluation,
    q_value_iteration,
    starting_plan,
    value_iteration,
    value_sweep,
)
from research.rl.environments.finite import (
    LAKES,
    exact_value,
    frozen_lake,
    make_finite,
    solve,
    three_states,
)

BOOK = {
    # G2 chapter 18, 50 iterations; the second row of the sources gives fewer of the values.
    0.90: [[18.919, 17.027, 13.622], [0.0, None, -4.880], [None, 50.134, None]],
    0.95: [[21.733, 20.638, 16.701], [0.955, None, 1.014], [None, 53.707, None]],
}


def _sweep(mdp, sweep, times, discount):
    model = make_model(mdp)
    plan = starting_plan(model, {})
    return jax.lax.fori_loop(
        0, times, lambda _, plan: sweep(model, plan, jnp.float32(discount)), plan
    )


@pytest.mark.parametrize("discount", [0.90, 0.95])
def test_fifty_sweeps_are_the_books(discount):
    plan = _sweep(three_states(), q_value_iteration, 50, discount)
    for state, row in enumerate(BOOK[discount]):
        for action, expected in enumerate(row):
            found = float(plan.q_value[state, action])
            if expected is None:
                assert found == -np.inf
            else:
                assert found == pytest.approx(expected, abs=0.0006)
    assert plan.policy.tolist() == ([0, 0, 1] if discount == 0.90 else [0, 2, 1])


@pytest.mark.parametrize("sweep", [q_value_iteration, value_sweep, make_policy_iteration(30)])
@pytest.mark.parametrize("mdp", [three_states(), frozen_lake(LAKES["4x4"])], ids=["3", "lake"])
def test_every_method_ends_at_the_exact_values(sweep, mdp):
    plan = _sweep(mdp, sweep, 600, 0.95)
    expected = solve(mdp, 0.95)
    np.testing.assert_allclose(plan.q_value, expected, atol=3e-5)
    going = ~mdp.terminal
    assert (
        np.take_along_axis(expected, np.asarray(plan.policy)[:, None], 1)[going, 0]
        >= expected.max(-1)[going] - 1e-5
    ).all()


@pytest.mark.parametrize(
    ("method", "backups"),
    [("q_value_iteration", 1), ("value_iteration", 2), ("policy_iteration", 7)],
)
def test_a_sweep_is_as_many_backups_as_it_counts(method: Method, backups: int):
    """Of which each brings what comes a step later into account: nothing, one backup too few."""
    ahead = 6
    steps = np.zeros((ahead + 1, 1, ahead + 1))
    steps[np.arange(ahead + 1), 0, np.minimum(np.arange(ahead + 1) + 1, ahead)] = 1
    reward = np.zeros_like(steps)
    reward[ahead - 1, 0, ahead] = 1
    mdp = make_finite(steps, reward)
    experiment = make_experiment(Planning(method=method, evaluation_sweeps=7))
    assert experiment.items_per_step == backups * int(three_states().possible.sum())
    sweep = {"q_value_iteration": q_value_iteration, "value_iteration": value_sweep}.get(
        method, make_policy_iteration(7)
    )
    made = 0
    while not _sweep(mdp, sweep, made, 0.9).q_value[0, 0] > 0:
        made += 1
    assert made == -(-ahead // backups)


def test_the_value_of_a_policy_is_the_linear_systems():
    mdp = frozen_lake(LAKES["8x8"])
    policy = np.random.default_rng(0).integers(0, 4, mdp.states)
    model = make_model(mdp)
    plan = starting_plan(model, {})._replace(policy=jnp.asarray(policy, jnp.int32))
    plan = jax.lax.fori_loop(0, 500, lambda _, p: policy_evaluation(model, p, 0.9), plan)
    chosen = np.take_along_axis(np.asarray(plan.q_value), policy[:, None], 1)[:, 0]
    expected = exact_value(mdp, policy, 0.9)
    np.testing.assert_allclose(np.where(mdp.terminal, 0, chosen), expected, atol=1e-5)
    assert (np.asarray(plan.policy) == policy).all()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31), st.floats(0.0, 0.95))
def test_a_sweep_brings_values_nearer_by_the_discount(seed, discount):
    """The Bellman operator is a contraction in the largest error."""
    generator = np.random.default_rng(seed)
    transition = generator.dirichlet(np.ones(5), (5, 3))
    mdp = make_finite(transition, generator.normal(size=(5, 3, 5)))
    model = make_model(mdp)
    one, two = (jnp.asarray(generator.normal(0, 10, 5), jnp.float32) for _ in range(2))
    apart = np.abs(value_iteration(model, one, discount) - value_iteration(model, two, discount))
    assert apart.max() <= discount * float(jnp.abs(one - two).max()) * (1 + 1e-5) + 1e-5
    best = jnp.asarray(solve(mdp, discount), jnp.float32)
    again = backup(model, greedy_value(model, best), discount)
    np.testing.assert_allclose(again, best, rtol=1e-4, atol=1e-4)


def test_the_experiment_says_how_near_it_is():
    experiment = make_experiment(Planning())
    hyperparameters = {"discount": jnp.float32(0.9)}
    plan = experiment.init(jax.random.key(0), hyperparameters)
    before = experiment.judge(plan, None, None)
    for _ in range(50):
        plan, _ = experiment.update(plan, None, jax.random.key(0))
    after = experiment.judge(plan, None, None)
    assert before["largest_error"] > 50 and after["largest_error"] < 0.05
    assert after["q_s2_a1"] == pytest.approx(50.134, abs=0.0006)
    assert after["start_value"] == pytest.approx(after["best_start_value"])


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("ThreeState-finite", "did you mean ThreeStates-finite"),
        ("CartPole-v1", "model is not known"),
        ("Nothing", "no such environment"),
    ],
)
def test_what_does_not_fit_is_named_with_what_does(name, message):
    (problem,) = problems_of(Planning(environment=name))
    assert message in problem and "FrozenLake4x4-finite" in problem
