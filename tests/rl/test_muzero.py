"""MuZero as a whole: values that are known, groups, and a policy that searches."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from research.engine.groups import split
from research.engine.metrics import read
from research.options.config import problems_of
from research.rl.algorithms.muzero import (
    ADAM,
    MuZero,
    Planner,
    make_muzero,
    make_unrolled,
    self_play,
)
from research.rl.learned_model import LearnedModel, model_loss
from research.rl.on_policy import learn_in_minibatches
from research.rl.rollout import start
from tests.rl.making import experiment_in, run, traced

CONFIG = MuZero(
    environments=8,
    rollout_steps=8,
    simulations=4,
    unroll_steps=2,
    epochs=4,
    minibatch_size=32,
    units=16,
    latent_units=8,
    environment_steps=100 * 64,
    anneal=True,
    evaluation_episodes=8,
    learning_rate=3e-3,
    discount=0.5,
    return_lambda=0.5,
    reward_scale=1.0,
    max_gradient_norm=10.0,
    exploration_fraction=0.5,
    smoothing=0.05,
)
VALUES = traced(CONFIG)


def planner_in(environment):
    model = LearnedModel(environment.actions, CONFIG.units, CONFIG.latent_units)
    return Planner(environment, model, CONFIG.simulations)


def trained(environment):
    experiment = experiment_in(environment, make_muzero, CONFIG)
    return experiment, jax.jit(lambda: run(experiment, VALUES, CONFIG.updates))()


def test_the_lever_is_worth_what_it_pays(lever):
    experiment, state = trained(lever)
    planner = planner_in(lever)
    latent = planner.predict(state.params, jnp.ones((2, 1))).latent
    reward, then = planner.model.apply(
        state.params, latent, jnp.arange(2), method="recurrent_inference"
    )
    np.testing.assert_allclose(reward, [0, 1], atol=0.05)
    np.testing.assert_allclose(then.value, [0, 0], atol=0.05)  # it has ended, whatever was done
    metrics = read(jax.jit(experiment.evaluate)(state, None, jax.random.key(0)))
    assert metrics["episode_return"] == 1.0
    assert metrics["stochastic_episode_return"] > 0.7


@pytest.mark.parametrize("ends", ["terminated", "truncated"])
def test_values_know_a_time_limit_from_an_end(clock, ends):
    """Reward 1 a step, three steps, γ = .5: 1.75 at first where that is all, 2 where the world
    would have gone on; 1 or 2 before the last step.
    """
    environment = clock(3, ends=ends)
    _, state = trained(environment)
    times = jnp.arange(3.0)[:, None]
    found = planner_in(environment).predict(state.params, times).value
    expected = [1.75, 1.5, 1.0] if ends == "terminated" else [2.0, 2.0, 2.0]
    np.testing.assert_allclose(found, expected, atol=0.12)


@pytest.fixture(scope="module")
def played(clock):
    """A planner, a state, and 512 steps of it of which half are random."""
    environment = clock(5, ends="truncated")
    planner = planner_in(environment)

    @jax.jit
    def play(key):
        begun = experiment_in(environment, make_muzero, CONFIG).init(key, VALUES)
        # The last layers are 0 at first: of gradients that are nothing but rounding Adam makes
        # steps.
        drawn = jax.tree.map(
            lambda leaf: leaf + 0.3 * jax.random.normal(key, leaf.shape), begun.params
        )
        begun = begun._replace(params=drawn)
        episodes = start(environment, key, 64)
        values = traced(CONFIG, smoothing=0.2)
        _, trajectory, advice = self_play(planner, drawn, episodes, key, 8, values, 0.5)
        examples = make_unrolled(planner, drawn, trajectory, advice, 2, values)
        return begun, trajectory, advice, examples

    return planner, *play(jax.random.key(0))


def test_groups_learn_what_the_whole_does(played):
    """All gradient steps on one rollout as one group and as two: equal up to rounding."""
    planner, begun, *_, examples = played
    config = replace(CONFIG, environments=64, minibatch_size=512)

    @partial(jax.jit, static_argnums=0)
    def after(groups):
        trained, _ = learn_in_minibatches(
            replace(config, groups=groups),
            begun,
            split(examples, groups),
            partial(model_loss, planner.environment, planner.model, values=VALUES),
            ADAM,
            jax.random.key(3),
        )
        return trained.params

    one, two = after(1), after(2)
    jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-3, atol=1e-5), one, two)
    moved = jax.tree.map(
        lambda new, old: np.abs(new - old).max(), *jax.device_get((one, begun.params))
    )
    assert min(jax.tree.leaves(moved)) > 1e-4


def test_half_of_the_actions_are_random(played):
    """Of two actions, half of the random ones are what the search chose too."""
    _, _, trajectory, advice, _ = played
    assert np.mean(trajectory.action != advice.action) == pytest.approx(0.25, abs=0.08)


def test_the_policy_that_is_learned_is_smoothed(played):
    *_, advice, examples = played
    pi = np.exp(np.asarray(advice.pi.logits, np.float64)).reshape(-1, 2)
    np.testing.assert_allclose(examples.pi[:, 0], 0.8 * pi + 0.1, rtol=1e-4)


def test_one_observation_or_many_are_advised_alike(played):
    planner, begun, *_ = played
    act = jax.jit(planner.policy(begun.params, VALUES).act)
    times = jnp.arange(6.0).reshape(2, 3, 1)
    _, many = act(None, times)
    assert many.mode().shape == (2, 3)
    _, one = act(None, times[1, 2])
    assert one.mode().shape == ()
    assert int(one.mode()) == int(many.mode()[1, 2])
    np.testing.assert_allclose(one.pi.logits, many.pi.logits[1, 2], rtol=1e-5)


def test_a_mistake_is_refused_before_anything_is_made():
    assert not problems_of(MuZero())
    found = problems_of(MuZero(simulations=0, smoothing=1.0))
    assert [message.split()[0] for message in found] == ["--simulations", "--smoothing"]
    (message,) = problems_of(MuZero(minibatch_size=100))
    assert message.startswith("--minibatch-size")
    assert "vectors" in " ".join(problems_of(MuZero(environment="Pendulum-v1")))
    assert "images" in " ".join(problems_of(MuZero(environment="Breakout-MinAtar")))
    assert "--groups" in " ".join(problems_of(MuZero(groups=3)))
