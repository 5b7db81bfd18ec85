"""Finite processes: what they are made of, and exact answers against independent ones."""

from __future__ import annotations

import itertools

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from research.rl.environments.finite import (
    LAKES,
    action_values,
    exact_sum,
    exact_value,
    frozen_lake,
    known_figures,
    make_finite,
    solve,
    solve_linear,
    three_states,
)
from research.rl.environments.finite_environment import cumulative, make_finite_environment


@pytest.mark.parametrize("size", ["4x4", "8x8"])
@pytest.mark.parametrize("slippery", [True, False])
def test_the_lake_is_gymnasiums(size, slippery):
    mdp = frozen_lake(LAKES[size], slippery)
    oracle = gymnasium.make("FrozenLake-v1", map_name=size, is_slippery=slippery).unwrapped.P
    for state in range(mdp.states):
        for action in range(mdp.actions):
            if mdp.terminal[state]:
                assert all(done and reward == 0 for _, _, reward, done in oracle[state][action])
                continue
            expected, pay = np.zeros(mdp.states), 0.0
            for probability, after, reward, done in oracle[state][action]:
                expected[after] += probability
                pay += probability * reward
                assert done == mdp.terminal[after]
            np.testing.assert_allclose(mdp.transition[state, action], expected, atol=1e-12)
            given = mdp.transition[state, action] @ mdp.reward[state, action]
            assert given == pytest.approx(pay)


@pytest.mark.parametrize("discount", [0.0, 0.5, 0.9, 0.95, 0.99])
def test_the_best_is_the_best_of_all_policies(discount):
    """Three states: all six policies can be tried."""
    mdp = three_states()
    choices = [np.flatnonzero(row) for row in mdp.possible]
    values = [
        exact_value(mdp, np.array(policy), discount) for policy in itertools.product(*choices)
    ]
    expected = action_values(mdp, np.max(values, axis=0), discount)
    np.testing.assert_allclose(solve(mdp, discount), expected, rtol=1e-9)


def test_the_best_policies_of_the_lake_arrive_so_often():
    """Within 100 steps: .7402 by the policy that is best at γ = .99; .7442 if steps are counted.

    The bar of whatever learns on the lake. Control: without a limit it is 14/17.
    """
    mdp = frozen_lake(LAKES["4x4"])
    best = solve(mdp, 0.99).argmax(-1)
    arrival, counting = np.zeros(mdp.states), np.zeros(mdp.states)
    for _ in range(100):
        arrival = np.where(mdp.terminal, 0.0, action_values(mdp, arrival, 1.0)[range(16), best])
        counting = np.where(mdp.terminal, 0.0, action_values(mdp, counting, 1.0).max(-1))
    assert arrival[0] == pytest.approx(0.7402, abs=5e-5)
    assert counting[0] == pytest.approx(0.7442, abs=5e-5)
    assert exact_value(mdp, best, 1.0)[0] == pytest.approx(14 / 17)


@given(st.integers(1, 9), st.integers(0, 2**32 - 1))
def test_a_linear_system_is_solved_as_by_lapack(size, seed):
    generator = np.random.default_rng(seed)
    matrix, right = generator.normal(size=(size, size)), generator.normal(size=size)
    # A 0 on the diagonal, and one that rounding would have to divide by, need another pivot.
    matrix[0, 0] = 0.0 if size > 1 else 1.0
    found = solve_linear(matrix, right)
    np.testing.assert_allclose(matrix @ found, right, atol=1e-9 * np.abs(found).max() + 1e-12)
    tolerance = 1e-13 * np.linalg.cond(matrix)
    expected = np.linalg.solve(matrix, right)
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * np.abs(expected).max())


def test_a_system_without_a_solution_is_refused():
    with pytest.raises(ValueError, match="singular"):
        solve_linear(np.array([[1.0, 2.0], [2.0, 4.0]]), np.ones(2))


def test_sums_are_rounded_once():
    values = np.array([[1e16, 1.0, -1e16], [0.1, 0.2, 0.3]])
    assert exact_sum(values, 1).tolist() == [1.0, 0.6]
    assert values.sum(1)[0] != 1.0  # control: numpy loses it


def test_an_exact_value_is_that_of_many_walks():
    """Monte Carlo, in NumPy alone, of a random policy on the lake."""
    mdp = frozen_lake(LAKES["4x4"])
    policy = np.full((mdp.states, mdp.actions), 0.25)
    moves = np.einsum("sa,sat->st", policy, mdp.transition)
    generator = np.random.default_rng(0)
    at, total = np.zeros(20_000, int), 0.0
    ends = np.cumsum(moves, -1)
    for step in range(200):
        going = ~mdp.terminal[at]
        drawn = (generator.random(len(at))[:, None] >= ends[at]).sum(-1).clip(0, 15)
        total += 0.97**step * np.mean(going & (drawn == 15))
        at = np.where(going, drawn, at)
    assert exact_value(mdp, policy, 0.97)[0] == pytest.approx(total, abs=0.001)
    assert total > 0.005


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t, r: (t[:, :, :2], r), "states, actions, states"),
        (lambda t, r: (t, r[0]), "not"),
        (lambda t, r: (t * 0.9, r), "add up to 1"),
        (lambda t, r: (np.where(t > 0, -t, t), r), "positive"),
        (lambda t, r: (np.where(np.arange(3)[:, None, None] == 1, 0, t), r), "state 1"),
        (lambda t, r: (t, r + np.nan), "finite"),
    ],
)
def test_what_is_no_process_is_refused(change, message):
    mdp = three_states()
    with pytest.raises(ValueError, match=message):
        make_finite(*change(mdp.transition, mdp.reward))


def test_a_policy_of_the_impossible_is_refused():
    with pytest.raises(ValueError, match="not possible"):
        exact_value(three_states(), np.array([0, 1, 1]), 0.9)


def test_walking_follows_the_model():
    """How often each state follows, against the probabilities; rewards; what is impossible."""
    mdp = three_states()
    environment = make_finite_environment(mdp, "three", 50)
    state, observation = environment.reset(jax.random.key(0))
    assert observation.dtype == jnp.int32 and environment.states == 3
    keys = jax.random.split(jax.random.key(1), 20_000)
    walk = jax.jit(jax.vmap(environment.step, in_axes=(0, None, None)))
    for start, action in np.ndindex(3, 3):
        here = state._replace(position=jnp.int32(start))
        _, shown = walk(keys, here, jnp.int32(action))
        after = np.asarray(shown.final_observation)
        if not mdp.possible[start, action]:
            assert (after == start).all() and not np.asarray(shown.reward).any()
            continue
        often = np.bincount(after, minlength=3) / len(after)
        np.testing.assert_allclose(often, mdp.transition[start, action], atol=0.012)
        assert (often[mdp.transition[start, action] == 0] == 0).all()
        np.testing.assert_array_equal(shown.reward, mdp.reward[start, action, after])
    assert not np.asarray(shown.terminated).any()


def test_an_episode_is_cut_and_a_hole_ends_it():
    environment = make_finite_environment(frozen_lake(LAKES["4x4"], False), "lake", 3)
    state, _ = environment.reset(jax.random.key(0))
    for time, action in enumerate([1, 1, 3]):
        state, shown = environment.step(jax.random.key(time), state, jnp.int32(action))
    assert bool(shown.truncated) and not bool(shown.terminated)
    assert int(shown.final_observation) == 4 and int(shown.observation) == 0
    for time, action in enumerate([1, 2]):
        state, shown = environment.step(jax.random.key(time), state, jnp.int32(action))
    assert bool(shown.terminated) and not bool(shown.truncated)
    assert int(shown.final_observation) == 5 and int(shown.observation) == 0


def test_rounding_never_gives_what_cannot_come():
    probabilities = np.array([0.0, 0.1, 0.0, 0.2, 0.7, 0.0])
    ends = cumulative(probabilities)
    for uniform in (0.0, np.float32(0.1), np.nextafter(np.float32(1), np.float32(0))):
        assert probabilities[int((uniform >= ends).sum())] > 0


def test_figures_of_the_exact_values_are_without_error():
    mdp = three_states()
    figures = known_figures(mdp, solve(mdp, 0.9), 0.9)
    assert figures["largest_error"] == 0 and figures["start_value"] == figures["best_start_value"]
    last_action = np.broadcast_to(np.arange(3.0), (3, 3))
    worse = known_figures(mdp, last_action, 0.9)
    assert worse["start_value"] < worse["best_start_value"] and worse["largest_error"] > 1
