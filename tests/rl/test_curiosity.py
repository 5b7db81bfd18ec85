"""Curiosity: what is new is rewarding, what is known is not, and no end cuts it off."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from research.rl.curiosity import (
    endless_advantages,
    learn_to_predict,
    make_distillation,
    measure_novelty,
    prediction_error,
    start_curiosity,
    update_moments,
)
from research.rl.environments.interface import Discrete, Environment

NOWHERE = Environment("nowhere", None, None, (3,), Discrete(2), 1)
NUMBERED = NOWHERE._replace(observation_shape=(), states=5)


def begun(environment=NOWHERE, observations=None, environments=4):
    networks = make_distillation(environment, (16,), 6)
    if observations is None:
        observations = np.random.default_rng(0).normal([1, -2, 0], [1, 3, 0.1], (200, 3))
    seen = jnp.asarray(observations, jnp.float32 if environment.states is None else jnp.int32)
    start = jax.jit(partial(start_curiosity, networks, environments=environments))
    return networks, start(jax.random.key(0), seen)


def forward(params, inputs):
    """A tower with relu in numpy, float64."""
    layers = params["params"]
    for index in range(len(layers)):
        layer = layers[f"Dense_{index}"]
        inputs = inputs @ np.asarray(layer["kernel"], np.float64) + np.asarray(layer["bias"])
        if index < len(layers) - 1:
            inputs = np.maximum(inputs, 0.0)
    return inputs


def test_the_intrinsic_reward_against_numpy():
    """Three rollouts by hand in float64: normalised by what came before, clipped to ±5, the mean
    squared error, over the deviation of discounted errors so far.
    """
    generator = np.random.default_rng(1)
    first = generator.normal([1, -2, 0], [1, 3, 0.1], (200, 3)).astype(np.float32)
    networks, curiosity = begun(observations=first)
    judge = jax.jit(partial(measure_novelty, networks, discount=0.9))
    assert len(curiosity.predictor["params"]) == len(curiosity.target["params"]) + 2

    seen, sums, running = first.astype(np.float64), np.zeros((0, 4)), np.zeros(4)
    clipped = 0
    for rollout in range(3):
        observation = generator.normal([1, -2, 0], [6, 3, 0.1], (10, 4, 3)).astype(np.float32)
        novelty = judge(curiosity, curiosity.running, observation)
        normal = (observation - seen.mean(0)) / seen.std(0)
        clipped += (np.abs(normal) > 5).sum()
        shown = np.clip(normal, -5, 5)
        error = forward(curiosity.predictor, shown) - forward(curiosity.target, shown)
        error = np.square(error).mean(-1)
        deviation = sums.std() if rollout else 1.0
        np.testing.assert_allclose(novelty.inputs, shown, rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(novelty.reward, np.minimum(error / deviation, 10), rtol=1e-3)
        rows = []
        for row in error:
            running = 0.9 * running + row
            rows.append(running)
        sums = np.concatenate([sums, rows])
        seen = np.concatenate([seen, observation.reshape(-1, 3)])
        curiosity = update_moments(
            curiosity, novelty.observations, novelty.returns, novelty.running
        )
        np.testing.assert_allclose(curiosity.running, running, rtol=1e-4)
        np.testing.assert_allclose(curiosity.observations.mean, seen.mean(0), rtol=1e-3, atol=1e-4)
    assert clipped > 10


def test_what_is_seen_often_bores_and_what_is_new_does_not():
    """Of five states some are seen and the others are not; which ones they are decides (the
    control: others are seen, and those bore instead). The target learns nothing.
    """
    networks, curiosity = begun(NUMBERED, np.arange(5).repeat(20))
    eye = jnp.arange(5)[:, None]
    judge = jax.jit(lambda curiosity: measure_novelty(networks, curiosity, jnp.zeros(1), eye, 0.9))
    before = judge(curiosity)

    @jax.jit
    def learn(curiosity, known, keys):
        def step(curiosity, key):
            return learn_to_predict(networks, curiosity, known, 3e-3, 30, key)

        return jax.lax.scan(step, curiosity, keys)

    for seen in ([0, 1, 2], [2, 3, 4]):
        known = jnp.tile(before.inputs[jnp.array(seen), 0], (20, 1))[None]
        learned, told = learn(curiosity, known, jax.random.split(jax.random.key(0), 200))
        share = np.asarray(judge(learned).reward / before.reward)[:, 0]
        new = [state for state in range(5) if state not in seen]
        assert share[seen].max() < 0.01 < 0.1 < share[new].min()
        errors = told.total / told.weight
        assert errors[-1] < 0.01 * errors[0]
        jax.tree.map(np.testing.assert_array_equal, learned.target, curiosity.target)


def test_the_target_is_not_moved_by_a_gradient():
    networks, curiosity = begun()
    shown = jnp.ones((7, 3))

    def error(target, predictor):
        return prediction_error(networks, predictor, target, shown).mean()

    target, predictor = jax.grad(error, (0, 1))(curiosity.target, curiosity.predictor)
    assert not any(leaf.any() for leaf in jax.tree.leaves(target))
    assert any(leaf.any() for leaf in jax.tree.leaves(predictor))


def test_intrinsic_returns_go_on_over_ends():
    """Reward 1 a step, V = 0, λ = 1: Σ γ^k over all steps left and γ^n V of what follows the last,
    wherever episodes end.
    """
    value = jnp.zeros((13, 2)).at[12].set(jnp.array([0.0, 5.0]))
    advantage = endless_advantages(jnp.ones((12, 2)), value, 0.9, 1.0)
    left = np.arange(12, 0, -1)
    expected = (1 - 0.9**left) / 0.1
    np.testing.assert_allclose(advantage[:, 0], expected, rtol=1e-5)
    np.testing.assert_allclose(advantage[:, 1], expected + 5 * 0.9**left, rtol=1e-5)


def test_groups_learn_to_predict_what_the_whole_does():
    networks, curiosity = begun()
    shown = np.random.default_rng(2).normal(size=(64, 3)).astype(np.float32)

    def after(groups):
        parts = jnp.asarray(shown.reshape(groups, -1, 3))
        steps = jax.jit(partial(learn_to_predict, networks, minibatch_size=64))
        learned, error = steps(curiosity, parts, 1e-2, key=jax.random.key(0))
        return learned.predictor, float(error.total / error.weight)

    (one, error), (two, also) = after(1), after(2)
    jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-3, atol=2e-5), one, two)
    assert error == pytest.approx(also, rel=1e-5)
    moved = jax.tree.map(lambda new, old: float(jnp.abs(new - old).max()), one, curiosity.predictor)
    assert min(jax.tree.leaves(moved)) > 1e-3
