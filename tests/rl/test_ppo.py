"""PPO as a whole: what it computes against references, and what it learns where that is known."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from research.engine.groups import split
from research.engine.keys import at_step, stream
from research.engine.metrics import read
from research.rl.advantages import Examples, make_examples
from research.rl.algorithms.ppo import PPO, learn, make_ppo, ppo_loss
from research.rl.losses import normalise
from research.rl.network import PolicyAndValue
from research.rl.policy import memoryless
from research.rl.rollout import collect, start
from tests.rl.making import experiment_in, traced

CONFIG = PPO(
    environments=4,
    rollout_steps=16,
    epochs=4,
    minibatch_size=32,
    units=16,
    layers=1,
    environment_steps=200 * 64,
    anneal=True,
    learning_rate=3e-3,
    discount=0.9,
    gae_lambda=0.9,
    entropy_weight=0.01,
    max_gradient_norm=10.0,
)
VALUES = traced(CONFIG)


def _train(environment, updates=200):
    experiment = experiment_in(environment, make_ppo, CONFIG)

    @partial(jax.jit, donate_argnums=0)
    def advance(state, start, stop):
        def update(step, state):
            return experiment.update(state, None, at_step(stream(0, "update"), step))[0]

        return jax.lax.fori_loop(start, stop, update, state)

    state = jax.jit(experiment.init)(stream(0, "init"), VALUES)
    return experiment, advance(state, 0, updates)


@pytest.mark.parametrize("ends", ["terminated", "truncated"])
def test_values_know_a_time_limit_from_an_end(clock, ends):
    """Reward 1 a step, five steps, γ = .9. Ended: Σ .9^k over the steps left, 4.1 at first. Cut:
    the world would have gone on, so 10 at every step. All else is equal, so that either
    expectation refutes the other treatment.
    """
    _, state = _train(clock(5, ends=ends))
    network = PolicyAndValue(2, CONFIG.hidden)
    times = jnp.arange(5, dtype=jnp.float32)[:, None]
    value = network.apply(state.params, times, method="value")
    ended = (1 - 0.9 ** np.arange(5, 0, -1)) / 0.1
    expected = ended if ends == "terminated" else np.full(5, 10.0)
    np.testing.assert_allclose(value, expected, atol=0.35)
    assert np.abs(ended - 10).min() > 5 * 0.35


def test_learns_what_pays(lever):
    experiment, state = _train(lever, updates=60)
    metrics = read(jax.jit(experiment.evaluate)(state, None, jax.random.key(0)))
    assert metrics["episode_return"] == 1.0
    assert metrics["stochastic_episode_return"] > 0.9


def test_examples_are_the_trajectory(clock):
    """Every row against values and log-probabilities computed one at a time in float64."""
    environment = clock(7, ends="truncated")
    network = PolicyAndValue(2, (8,))
    params = network.init(jax.random.key(0), jnp.zeros(1))
    params = jax.tree.map(lambda leaf: 3 * leaf, params)

    def policy(observations):
        return network.apply(params, observations, method="policy")

    episodes = start(environment, jax.random.key(1), 3)
    _, trajectory = jax.jit(
        lambda key: collect(environment, memoryless(policy), episodes, key, 10)
    )(jax.random.key(2))
    examples = jax.jit(partial(make_examples, network))(params, trajectory, VALUES)
    assert examples.observation.shape == (30, 1)

    times = np.tile(np.arange(10)[:, None] % 7, (1, 3))
    np.testing.assert_array_equal(trajectory.observation[..., 0], times)
    np.testing.assert_array_equal(trajectory.final_observation[..., 0], (times + 1) % 7)
    np.testing.assert_array_equal(trajectory.truncated, times == 6)
    np.testing.assert_array_equal(trajectory.episode_length, times + 1)
    np.testing.assert_array_equal(examples.observation[:, 0], times.ravel())
    np.testing.assert_array_equal(examples.action, np.asarray(trajectory.action).ravel())

    def value(time):
        return _forward(params, "value_tower", np.array([time], np.float64))[0]

    advantage = np.zeros((10, 3))
    for column in range(3):
        later = 0.0
        for t in reversed(range(10)):
            error = 1.0 + 0.9 * value((times[t, column] + 1) % 7) - value(times[t, column])
            later = error + (0.0 if times[t, column] == 6 else 0.81 * later)
            advantage[t, column] = later
    np.testing.assert_allclose(examples.advantage, advantage.ravel(), rtol=1e-3, atol=1e-4)
    target = advantage.ravel() + [value(time) for time in times.ravel()]
    np.testing.assert_allclose(examples.target, target, rtol=1e-3, atol=1e-4)
    logits = np.stack(
        [_forward(params, "policy_tower", np.array([time], np.float64)) for time in times.ravel()]
    )
    log_probability = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    np.testing.assert_allclose(
        examples.log_probability,
        log_probability[np.arange(30), np.asarray(examples.action)],
        atol=1e-5,
    )


def _forward(params, tower, inputs):
    """A tower in numpy, float64."""
    layers = params["params"][tower]
    hidden = inputs
    for index in range(len(layers)):
        layer = layers[f"Dense_{index}"]
        hidden = hidden @ np.asarray(layer["kernel"], np.float64) + np.asarray(layer["bias"])
        if index < len(layers) - 1:
            hidden = np.tanh(hidden)
    return hidden


def test_loss_against_numpy():
    generator = np.random.default_rng(0)
    network = PolicyAndValue(3, (8, 8))
    params = network.init(jax.random.key(0), jnp.zeros(4))
    params = jax.tree.map(
        lambda leaf: leaf + 0.3 * jnp.cos(jnp.arange(leaf.size).reshape(leaf.shape)), params
    )
    observation = generator.normal(size=(64, 4)).astype(np.float32)
    action = generator.integers(0, 3, 64)
    old = np.log(generator.dirichlet(np.ones(3), 64))[np.arange(64), action]
    advantage, target = generator.normal(1, 2, (2, 64))
    examples = Examples(
        observation, action, *(np.float32(column) for column in (old, advantage, target))
    )
    examples = examples._replace(advantage=normalise(examples.advantage))
    hyperparameters = traced(CONFIG, entropy_weight=0.1, value_weight=0.7)
    loss, parts = ppo_loss(network, params, examples, jnp.float32(0.15), hyperparameters)

    logits = _forward(params, "policy_tower", observation)
    value = _forward(params, "value_tower", observation)[:, 0]
    log_probabilities = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    ratio = np.exp(log_probabilities[np.arange(64), action] - old)
    normal = (advantage - advantage.mean()) / advantage.std()
    gains = [min(r * a, min(max(r, 0.85), 1.15) * a) for r, a in zip(ratio, normal, strict=True)]
    expected = {
        "policy_loss": -np.mean(gains),
        "value_loss": np.mean((value - target) ** 2),
        "entropy": -(np.exp(log_probabilities) * log_probabilities).sum(-1).mean(),
        "approximate_kl": np.mean(ratio - 1 - np.log(ratio)),
    }
    expected["loss"] = (
        expected["policy_loss"] + 0.7 * expected["value_loss"] - 0.1 * expected["entropy"]
    )
    assert loss == parts["loss"]
    assert parts.keys() == expected.keys()
    for name, figure in expected.items():
        np.testing.assert_allclose(parts[name], figure, rtol=1e-4, err_msg=name)


@pytest.fixture(scope="module")
def one_update(clock):
    """A compiled init and update: episodes of 7 steps, 16 steps a rollout, annealed over two.

    An episode numbered -1, which only a test can make, is endless.
    """
    environment = clock(lambda episode: jnp.where(episode < 0, 10**6, 7), ends="terminated")
    config = replace(CONFIG, epochs=2, units=8, environment_steps=2 * 64, evaluation_episodes=4)
    experiment = experiment_in(environment, make_ppo, config)
    init = jax.jit(lambda hyperparameters: experiment.init(jax.random.key(0), hyperparameters))
    return init, jax.jit(lambda state: experiment.update(state, None, jax.random.key(1)))


def test_state_keeps_its_types(one_update):
    init, update = one_update
    state = init(VALUES)
    after, _ = update(state)
    kinds = [
        jax.tree.map(lambda leaf: (leaf.shape, str(leaf.dtype), leaf.weak_type), tree)
        for tree in (state, after)
    ]
    assert kinds[0] == kinds[1]


def test_hyperparameters_are_read_from_the_state(one_update):
    """With a step size of 0 in the state, nothing moves; with another, it does."""
    init, update = one_update
    still, moving = init(traced(CONFIG, learning_rate=0.0)), init(VALUES)
    jax.tree.map(np.testing.assert_array_equal, still.params, update(still)[0].params)
    before, after = (jax.tree.leaves(state.params) for state in (moving, update(moving)[0]))
    assert not any(np.array_equal(*pair) for pair in zip(before, after, strict=True))


def test_annealing(one_update):
    """Half way, the update is the one that half the learning rate and clip range make at first."""
    init, update = one_update
    half_way = update(init(VALUES)._replace(updates=jnp.int32(1)))[0]
    halved = update(init(traced(CONFIG, learning_rate=1.5e-3, clip_range=0.1)))[0]
    whole = update(init(VALUES))[0]
    jax.tree.map(np.testing.assert_array_equal, half_way.params, halved.params)
    assert not np.array_equal(*(jax.tree.leaves(state.params)[0] for state in (half_way, whole)))


def test_metrics_of_a_rollout(one_update):
    """16 steps of episodes of 7: two end in each of 4 environments, each with return 7."""
    init, update = one_update
    state, metrics = update(init(VALUES))
    figures = read(metrics)
    assert (figures["episodes"], figures["episode_return"], figures["longest_episode"]) == (8, 7, 7)
    np.testing.assert_array_equal(state.episodes.episode_return, 2)
    np.testing.assert_array_equal(state.episodes.episode_length, 2)
    assert all(np.isfinite(figure) for figure in figures.values())


def test_an_unfinished_episode_is_no_return(one_update):
    init, update = one_update
    state = init(VALUES)
    endless = state.episodes.states._replace(episode=jnp.full(4, -1, jnp.int32))
    state, metrics = update(state._replace(episodes=state.episodes._replace(states=endless)))
    figures = read(metrics)
    assert figures["episodes"] == 0
    assert figures["episode_return"] is None
    assert figures["longest_episode"] is None
    np.testing.assert_array_equal(state.episodes.episode_return, 16)


def test_nan_shows(one_update):
    init, update = one_update
    assert np.isnan(read(update(init(traced(CONFIG, value_weight=float("nan"))))[1])["loss"])


def test_groups_of_a_minibatch_learn_what_the_whole_does(clock):
    """Equal up to rounding, since advantages are normalised over the whole minibatch; normalised
    group by group (the control) they would not be.
    """
    generator = np.random.default_rng(0)
    network = PolicyAndValue(2, (8,))
    columns = (
        np.float32(generator.normal(size=(64, 1))),
        generator.integers(0, 2, 64),
        np.float32(np.log(generator.uniform(0.3, 0.7, 64))),
        # Groups are unlike: each normalised by itself would be others.
        np.float32(generator.normal(size=64) + np.repeat(np.arange(4), 16)),
        np.float32(generator.normal(size=64)),
    )

    config_of_groups = replace(
        CONFIG,
        environments=8,
        rollout_steps=8,
        epochs=2,
        minibatch_size=64,
        units=8,
        environment_steps=4 * 64,
    )

    def after(groups, advantage=lambda examples: examples.advantage):
        config = replace(config_of_groups, groups=groups)
        experiment = experiment_in(clock(5, ends="truncated"), make_ppo, config)
        state = experiment.init(stream(0, "init"), VALUES)
        examples = split(Examples(*map(jnp.asarray, columns)), groups)
        examples = examples._replace(advantage=advantage(examples))
        trained, metrics = jax.jit(partial(learn, network, config))(state, examples, stream(0, "x"))
        return ravel_pytree(trained.params)[0], read(metrics)

    whole, seen = after(1)
    parts, also = after(4)
    np.testing.assert_allclose(whole, parts, rtol=1e-4, atol=1e-5)
    assert seen == pytest.approx(also, rel=1e-4, abs=1e-6)
    apart, _ = after(4, lambda examples: jax.vmap(normalise)(examples.advantage))
    assert np.abs(whole - apart).max() > 1e-3
