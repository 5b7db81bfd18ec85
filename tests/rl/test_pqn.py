"""Parallelised Q-learning: its returns against a loop, and values that are known."""

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
from research.rl.action_values import QLearner, QNetwork
from research.rl.algorithms.pqn import PQN, RADAM, Valued, make_pqn, make_valued, pqn_loss
from research.rl.on_policy import learn_in_minibatches
from research.rl.rollout import Trajectory
from tests.rl.making import experiment_in, run, traced

CONFIG = PQN(
    environments=4,
    rollout_steps=16,
    epochs=2,
    minibatch_size=16,
    units=16,
    layers=1,
    environment_steps=150 * 64,
    anneal=True,
    evaluation_episodes=4,
    learning_rate=3e-3,
    discount=0.5,
    return_lambda=0.6,
    reward_scale=1.0,
    max_gradient_norm=10.0,
    epsilon=0.1,
    exploration_fraction=0.5,
)
VALUES = traced(CONFIG)


def trained(environment, config=CONFIG):
    experiment = experiment_in(environment, make_pqn, config)
    return experiment, jax.jit(lambda: run(experiment, traced(config), config.updates))()


def learner_in(environment, config=CONFIG):
    network = QNetwork(
        environment.actions, config.hidden, layer_normalisation=config.layer_normalisation
    )
    return QLearner(environment, network, double=False)


def test_returns_are_those_of_a_loop(clock):
    """R_t = r + γ [λ R_{t+1} + (1 - λ) max Q(s')], by hand in float64, with ends of both kinds."""
    environment, generator = clock(5, ends="truncated"), np.random.default_rng(0)
    learner = learner_in(environment)
    params = learner.network.init(jax.random.key(0), jnp.zeros((1, 1)))
    time, number = 12, 3
    seen, after = generator.normal(size=(2, time, number, 1)).astype(np.float32)
    reward = generator.normal(size=(time, number)).astype(np.float32)
    terminated = generator.random((time, number)) < 0.2
    truncated = (generator.random((time, number)) < 0.2) & ~terminated
    within = ~(terminated | truncated)[:-1, :, None]
    after[:-1] = np.where(within, seen[1:], after[:-1])  # an episode goes on from where it was
    nothing = np.zeros((time, number), np.float32)
    trajectory = Trajectory(
        observation=jnp.asarray(seen),
        action=jnp.zeros((time, number), jnp.int32),
        reward=jnp.asarray(reward),
        terminated=jnp.asarray(terminated),
        truncated=jnp.asarray(truncated),
        final_observation=jnp.asarray(after),
        episode_return=nothing,
        episode_length=nothing,
    )
    values = traced(CONFIG, reward_scale=2.0)
    found = np.asarray(make_valued(learner, params, trajectory, values).target)
    best = np.asarray(learner.q_value(params, jnp.asarray(after), values), np.float64).max(-1)

    def by_hand(terminated, truncated):
        expected = np.zeros((time, number))
        for row in reversed(range(time)):
            for column in range(number):
                what_follows = 0.0 if terminated[row, column] else best[row, column]
                cut = terminated[row, column] or truncated[row, column] or row == time - 1
                if not cut:
                    what_follows = 0.6 * expected[row + 1, column] + 0.4 * what_follows
                expected[row, column] = 2.0 * reward[row, column] + 0.5 * what_follows
        return expected.reshape(-1)

    np.testing.assert_allclose(found, by_hand(terminated, truncated), rtol=1e-4, atol=1e-5)
    # Controls: a time limit that counts as an end, and one that does not cut.
    either, never = terminated | truncated, np.zeros_like(truncated)
    assert np.abs(found - by_hand(either, never)).max() > 1e-2
    assert np.abs(found - by_hand(terminated, never)).max() > 1e-2


def test_the_loss_is_half_the_squared_error_of_what_was_done(lever):
    learner = learner_in(lever)
    params = learner.network.init(jax.random.key(0), jnp.zeros((1, 1)))
    observation = jax.random.normal(jax.random.key(1), (6, 1))
    action, target = jnp.asarray([0, 1, 1, 0, 1, 0]), jnp.arange(6.0)
    q_value = np.asarray(learner.q_value(params, observation, VALUES), np.float64)
    loss, told = pqn_loss(learner, params, Valued(observation, action, target), VALUES)
    error = q_value[np.arange(6), action] - np.arange(6.0)
    assert float(loss) == pytest.approx(0.5 * np.mean(error**2), rel=1e-5)
    assert float(told["q_value"]) == pytest.approx(q_value[np.arange(6), action].mean(), rel=1e-4)


def test_the_lever_is_worth_what_it_pays(lever):
    experiment, state = trained(lever)
    found = learner_in(lever).q_value(state.params, jnp.ones((1, 1)), VALUES)[0]
    np.testing.assert_allclose(found, [0, 1], atol=0.05)
    metrics = read(jax.jit(experiment.evaluate)(state, None, jax.random.key(0)))
    assert metrics["episode_return"] == 1.0


@pytest.mark.parametrize("ends", ["terminated", "truncated"])
def test_values_know_a_time_limit_from_an_end(clock, ends):
    """Reward 1 a step, three steps, γ = .5: 1.75 at first where that is all, 2 where the world
    would have gone on; 1 or 2 before the last step.
    """
    # Normalised, what a layer makes of one number hardly depends on how large it is.
    config = replace(CONFIG, layer_normalisation=False, environment_steps=300 * 64)
    environment = clock(3, ends=ends)
    _, state = trained(environment, replace(config, learning_rate=1e-2))
    times = jnp.arange(3.0)[:, None]
    learner = learner_in(environment, config)
    found = np.asarray(learner.q_value(state.params, times, VALUES)).max(-1)
    expected = [1.75, 1.5, 1.0] if ends == "terminated" else [2.0, 2.0, 2.0]
    np.testing.assert_allclose(found, expected, atol=0.12)


def test_groups_learn_what_the_whole_does(clock):
    """All gradient steps on one rollout as one group and as two: equal up to rounding."""
    environment = clock(5, ends="truncated")
    learner, config = learner_in(environment), replace(CONFIG, minibatch_size=64)
    begun = jax.jit(experiment_in(environment, make_pqn, config).init)(jax.random.key(0), VALUES)
    draw = jax.random.normal(jax.random.key(1), (64, 2))
    examples = Valued(draw[:, :1], (draw[:, 0] > 0).astype(jnp.int32), draw[:, 1])

    @partial(jax.jit, static_argnums=0)
    def after(groups):
        trained, _ = learn_in_minibatches(
            replace(config, groups=groups),
            begun,
            split(examples, groups),
            lambda params, part: pqn_loss(learner, params, part, VALUES),
            RADAM,
            jax.random.key(2),
        )
        return trained.params

    one, two = after(1), after(2)
    jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-3, atol=1e-6), one, two)
    moved = jax.tree.map(lambda new, old: float(jnp.abs(new - old).max()), one, begun.params)
    assert max(jax.tree.leaves(moved)) > 1e-4


def test_layer_normalisation_is_a_choice_of_its_own():
    """A network without it has the parameters that it had; with it, two more a layer."""
    seen = jnp.zeros((1, 4))
    plain = QNetwork(2, (8, 8)).init(jax.random.key(0), seen)["params"]
    normal = QNetwork(2, (8, 8), layer_normalisation=True).init(jax.random.key(0), seen)["params"]
    assert set(normal) - set(plain) == {"LayerNorm_0", "LayerNorm_1"}
    jax.tree.map(np.testing.assert_array_equal, plain, {name: normal[name] for name in plain})


def test_a_mistake_is_refused_before_anything_is_made():
    assert not problems_of(PQN())
    assert "minibatch" in " ".join(problems_of(PQN(minibatch_size=100)))
    assert "vectors" in " ".join(problems_of(PQN(environment="Pendulum-v1")))
