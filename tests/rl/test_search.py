"""The search, with models that are perfect: finite processes in which every step is certain."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from research.rl.environments.finite import FiniteMDP, make_finite, solve
from research.rl.learned_model import Outlook
from research.rl.search import search

DISCOUNT = 0.7


def detour() -> FiniteMDP:
    """Staying in state 0 pays 1; the way round by states 1 and 2 costs 2 first, and pays 20."""
    transition, reward = np.zeros((3, 2, 3)), np.zeros((3, 2, 3))
    for state, action, after, paid in [
        (0, 0, 0, 1.0),
        (0, 1, 1, 0.0),
        (1, 0, 0, 0.0),
        (1, 1, 2, -2.0),
        (2, 0, 2, 0.0),
        (2, 1, 0, 20.0),
    ]:
        transition[state, action, after], reward[state, action, after] = 1.0, paid
    return make_finite(transition, reward)


def outlook(states, logits=None):
    """Nothing is believed: values of 0, every action alike."""
    blank = jnp.zeros((states.shape[0], 2)) if logits is None else logits
    return Outlook(states, blank, jnp.zeros(states.shape[0]))


def advise(mdp, simulations, key=0, gumbel_scale=0.0, logits=None):
    after = jnp.asarray(mdp.transition.argmax(-1))
    paid = jnp.asarray((mdp.transition * mdp.reward).sum(-1), jnp.float32)

    def imagine(states, actions):
        return paid[states, actions], outlook(after[states, actions])

    def advise_all(key):
        root = outlook(jnp.arange(mdp.states), logits)
        return search(root, imagine, key, DISCOUNT, simulations, gumbel_scale, 0.1)

    return jax.jit(advise_all)(jax.random.key(key))


def test_a_search_with_a_perfect_model_finds_what_value_iteration_finds():
    mdp = detour()
    best = solve(mdp, DISCOUNT)
    advice = advise(mdp, 400)
    assert advice.action.tolist() == best.argmax(-1).tolist() == [1, 1, 1]
    assert advice.improved.mode().tolist() == [1, 1, 1]
    np.testing.assert_allclose(advice.value, best.max(-1), rtol=0.03)
    # Control: one simulation looks one step ahead, where the detour only costs.
    short = advise(mdp, 1)
    assert short.action.tolist() != [1, 1, 1]
    assert np.abs(np.asarray(short.value) / best.max(-1) - 1).min() > 0.2


def test_without_noise_nothing_is_drawn():
    mdp = detour()
    one, other = (advise(mdp, 8, key) for key in (0, 1))
    jax.tree.map(np.testing.assert_array_equal, one, other)
    # With noise a single simulation tries what it was given, and that is what is chosen.
    drawn = {tuple(advise(mdp, 1, key, gumbel_scale=1.0).action.tolist()) for key in range(6)}
    assert len(drawn) > 1


def test_two_simulations_are_worked_out_by_hand():
    """Both actions of the root are seen once: Q is the reward, V the mean of 0 and of both."""
    mdp = detour()
    logits = jnp.asarray([[0.3, -0.2], [0.0, 0.5], [-0.4, 0.1]])
    advice = advise(mdp, 2, logits=logits)
    paid = (mdp.transition * mdp.reward).sum(-1)
    np.testing.assert_allclose(advice.value, paid.sum(-1) / 3, rtol=1e-6)
    improved = np.asarray(logits, np.float64) + 0.1 * (50 + 1) * paid
    expected = improved - np.log(np.exp(improved).sum(-1, keepdims=True))
    np.testing.assert_allclose(advice.improved.logits, expected, rtol=1e-4, atol=1e-4)
    assert advice.action.tolist() == improved.argmax(-1).tolist()


@pytest.mark.parametrize("wrong", [np.inf, -np.inf])
def test_a_policy_that_is_sure_stays_finite(wrong):
    """An action of which the policy is sure weighs all; the logarithm of the other stays finite."""
    logits = jnp.asarray([[1e4, 0.0]] * 3) * np.sign(wrong)
    advice = advise(detour(), 4, logits=logits)
    assert all(bool(jnp.isfinite(leaf).all()) for leaf in jax.tree.leaves(advice))
    assert bool(jnp.isfinite(advice.entropy()).all())


def test_vmap_over_members_is_each_by_itself():
    """A population searches in one program."""
    mdp = detour()
    logits = jax.random.normal(jax.random.key(1), (4, 3, 2))
    together = jax.vmap(partial(advise, mdp, 8), in_axes=(None, None, 0))(0, 0.0, logits)
    for member in range(4):
        alone = advise(mdp, 8, logits=logits[member])
        np.testing.assert_array_equal(together.action[member], alone.action)
        np.testing.assert_allclose(together.value[member], alone.value, rtol=1e-6)
