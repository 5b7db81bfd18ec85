"""The search, with models that are perfect: finite processes in which every step is certain."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from research.rl.environments.finite import FiniteMDP, make_finite, solve
from research.rl.learned_model import Prediction
from research.rl.tree_search import search

DISCOUNT, SCALE = 0.9, 0.1


def detour() -> FiniteMDP:
    """An end at once pays 3; to go on three times pays 10. States 0 to 2; 3 is over."""
    transition, reward = np.zeros((4, 2, 4)), np.zeros((4, 2, 4))
    for state, action, after, paid in [
        (0, 0, 3, 3.0),
        (0, 1, 1, 0.0),
        (1, 0, 3, 0.0),
        (1, 1, 2, 0.0),
        (2, 0, 3, 0.0),
        (2, 1, 3, 10.0),
    ]:
        transition[state, action, after], reward[state, action, after] = 1.0, paid
    return make_finite(transition, reward, terminal=np.arange(4) == 3)


def believed(states, logits=None):
    """Nothing is believed: values of 0, every action alike."""
    blank = jnp.zeros((states.shape[0], 2)) if logits is None else logits
    return Prediction(states, blank, jnp.zeros(states.shape[0]))


@partial(jax.jit, static_argnums=0)
def _advise(simulations, key, gumbel_scale, logits):
    mdp = detour()
    # Where it is over it stays, and nothing is paid.
    after = jnp.asarray(np.where(mdp.possible, mdp.transition.argmax(-1), 3))
    paid = jnp.asarray((mdp.transition * mdp.reward).sum(-1), jnp.float32)

    def model(states, actions):
        return paid[states, actions], believed(after[states, actions])

    root = believed(jnp.arange(3), logits)
    return search(root, model, key, DISCOUNT, simulations, gumbel_scale, SCALE)


def advise(simulations, key=0, gumbel_scale=0.0, logits=None):
    """What searches from all three states come to; one program for each number of simulations."""
    logits = jnp.zeros((3, 2)) if logits is None else logits
    return _advise(simulations, jax.random.key(key), gumbel_scale, logits)


def test_a_search_with_a_perfect_model_finds_what_value_iteration_finds():
    mdp = detour()
    best = solve(mdp, DISCOUNT)[:3]
    advice = advise(1000)
    assert advice.action.tolist() == best.argmax(-1).tolist() == [1, 1, 1]
    assert advice.pi.mode().tolist() == [1, 1, 1]
    np.testing.assert_allclose(advice.nu, best.max(-1), rtol=0.03)
    # Control: one simulation looks one step ahead, where going on pays nothing.
    short = advise(1)
    assert short.action.tolist() != [1, 1, 1]
    assert np.abs(np.asarray(short.nu) / best.max(-1) - 1).min() > 0.2


def test_without_noise_nothing_is_drawn():
    one, other = (advise(8, key) for key in (0, 1))
    jax.tree.map(np.testing.assert_array_equal, one, other)
    # With noise a single simulation tries what it was given, and that is what is chosen.
    drawn = {tuple(advise(1, key, gumbel_scale=1.0).action.tolist()) for key in range(6)}
    assert len(drawn) > 1


def test_two_simulations_are_worked_out_by_hand():
    """Both actions of the root are seen once: Q is the reward, V its mean as π' has it."""
    mdp = detour()
    logits = jnp.asarray([[0.3, -0.2], [0.0, 0.5], [-0.4, 0.1]])
    advice = advise(2, logits=logits)
    paid = (mdp.transition * mdp.reward).sum(-1)[:3]
    improved = np.asarray(logits, np.float64) + SCALE * (50 + 1) * paid
    expected = improved - np.log(np.exp(improved).sum(-1, keepdims=True))
    np.testing.assert_allclose(advice.pi.logits, expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(advice.nu, (np.exp(expected) * paid).sum(-1), rtol=1e-4)
    assert advice.action.tolist() == improved.argmax(-1).tolist()


@pytest.mark.parametrize("wrong", [np.inf, -np.inf])
def test_a_policy_that_is_sure_stays_finite(wrong):
    """An action of which the policy is sure weighs all; the logarithm of the other stays finite."""
    logits = jnp.asarray([[1e4, 0.0]] * 3) * np.sign(wrong)
    advice = advise(8, logits=logits)
    assert all(bool(jnp.isfinite(leaf).all()) for leaf in jax.tree.leaves(advice))
    assert bool(jnp.isfinite(advice.entropy()).all())


def test_vmap_over_members_is_each_by_itself():
    """A population searches in one program."""
    logits = jax.random.normal(jax.random.key(1), (4, 3, 2))
    together = jax.vmap(partial(advise, 8), in_axes=(None, None, 0))(0, 0.0, logits)
    for member in range(4):
        alone = advise(8, logits=logits[member])
        np.testing.assert_array_equal(together.action[member], alone.action)
        np.testing.assert_allclose(together.nu[member], alone.nu, rtol=1e-6)
