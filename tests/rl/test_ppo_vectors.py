"""PPO where actions are vectors: the best of them is found, and what was drawn is learned from."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from scipy import stats

from research.engine.metrics import read
from research.rl.advantages import make_examples
from research.rl.algorithms.ppo import PPO, make_ppo
from research.rl.environments.interface import Box, Discrete, Environment, TimeStep
from research.rl.environments.wrappers import clip_actions
from research.rl.network import PolicyAndValue, make_network
from research.rl.policy import memoryless
from research.rl.rollout import collect, start
from tests.rl.making import experiment_in, run, traced

BEST = np.array([0.5, -1.0], np.float32)
CONFIG = PPO(
    environments=16,
    rollout_steps=8,
    epochs=4,
    minibatch_size=64,
    units=8,
    layers=1,
    environment_steps=150 * 128,
    anneal=True,
    learning_rate=1e-2,
    discount=0.9,
    gae_lambda=0.9,
    max_gradient_norm=10.0,
)
VALUES = traced(CONFIG)


def one_step(bound: float, pay) -> Environment:
    """Episodes of one step, that pay what `pay` says of the action."""

    def reset(key: jax.Array) -> tuple[jax.Array, jax.Array]:
        return jax.random.key_data(key)[0], jnp.ones(1, jnp.float32)

    def step(key: jax.Array, state: jax.Array, action: jax.Array) -> tuple[jax.Array, TimeStep]:
        after, seen = reset(key)
        return after, TimeStep(seen, pay(action), jnp.bool_(True), jnp.bool_(False), seen)

    bounds = np.full(2, bound, np.float32)
    return Environment("one step", reset, step, (1,), Box(-bounds, bounds), 1)


def trained(environment: Environment):
    experiment = experiment_in(environment, make_ppo, CONFIG)
    state = jax.jit(lambda: run(experiment, VALUES, CONFIG.updates))()
    evaluate = jax.jit(lambda state: experiment.evaluate(state, None, jax.random.key(1)))
    return state, read(evaluate(state))


def test_the_best_vector_is_found_and_valued() -> None:
    """-|a - best|² is at most 0; drawn with deviation σ it is -|μ - best|² - Σ σ² on average."""
    environment = one_step(3.0, lambda action: -jnp.sum(jnp.square(action - BEST)))
    state, figures = trained(environment)
    network = make_network(environment, CONFIG.hidden)
    said, value = network.apply(state.params, jnp.ones(1))
    np.testing.assert_allclose(said.mode(), BEST, atol=0.1)
    assert figures["episode_return"] > -0.03
    spread = np.exp(2 * np.asarray(said.log_deviation)).sum()
    assert spread < 0.5  # from 2: what is drawn costs
    np.testing.assert_allclose(value, -spread, atol=0.15)


def test_the_best_at_a_bound() -> None:
    _, figures = trained(one_step(0.5, jnp.sum))
    assert figures["episode_return"] == 1.0
    assert figures["stochastic_episode_return"] > 0.9


def test_what_was_drawn_is_learned_from_and_what_was_clipped_is_done() -> None:
    environment = clip_actions(one_step(0.1, jnp.sum))
    network = make_network(environment, (8,))
    params = network.init(jax.random.key(0), jnp.ones(1))
    deviation = np.array([0.5, 2.0])
    params["params"]["log_deviation"] = jnp.log(jnp.float32(deviation))
    policy = partial(network.apply, params, method="policy")
    episodes = start(environment, jax.random.key(1), 50)
    _, trajectory = collect(environment, memoryless(policy), episodes, jax.random.key(2), 4)
    examples = make_examples(network, params, trajectory, VALUES)
    action = np.asarray(examples.action)
    assert action.shape == (200, 2) and np.abs(action).max() > 1
    clipped = np.clip(action, -0.1, 0.1)
    np.testing.assert_allclose(trajectory.reward.reshape(-1), clipped.sum(-1), atol=1e-6)
    mean = np.asarray(policy(jnp.ones(1)).mode())
    expected, other = (stats.norm(mean, deviation).logpdf(a).sum(-1) for a in (action, clipped))
    np.testing.assert_allclose(examples.log_probability, expected, rtol=1e-3, atol=1e-3)
    assert np.abs(np.asarray(examples.log_probability) - other).max() > 0.5  # the control


def test_images_are_laid_flat_and_numbers_of_states_are_unit_vectors(lever: Environment) -> None:
    image = lever._replace(observation_shape=(4, 3, 2), action_space=Discrete(5))
    network = make_network(image, (8,))
    observations = jax.random.normal(jax.random.key(0), (7, 6, 4, 3, 2))
    params = network.init(jax.random.key(1), observations[0, 0])
    said, value = network.apply(params, observations)
    assert said.logits.shape == (7, 6, 5) and value.shape == (7, 6)
    flat = PolicyAndValue(5, (8,)).apply(params, observations.reshape(7, 6, 24))
    np.testing.assert_array_equal(said.logits, flat[0].logits)
    network = make_network(lever._replace(observation_shape=(), states=3), (8,))
    params = network.init(jax.random.key(1), jnp.int32(0))
    table = PolicyAndValue(2, (8,)).apply(params, jnp.eye(3))
    said, value = network.apply(params, jnp.array([2, 0]))
    np.testing.assert_allclose(said.logits, table[0].logits[jnp.array([2, 0])], rtol=1e-6)
    np.testing.assert_allclose(value, table[1][jnp.array([2, 0])], rtol=1e-6)
