"""Deep Q-learning where the values are known, each improvement by itself and all together."""

from __future__ import annotations

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from research.engine.experiment import Experiment
from research.engine.metrics import read
from research.options.config import floats, make_experiment, problems_of
from research.rl.action_values import QLearner, QNetwork, bootstrap_target
from research.rl.algorithms.dqn import CLEANRL, DQN, DQNState, make_dqn
from research.rl.environments.interface import Environment

PLAIN = DQN(
    environment_steps=300 * 8,
    environments=2,
    steps_per_update=4,
    gradient_steps=4,
    batch_size=32,
    replay_size=500,
    learning_starts=9 * 8,
    target_every=2,
    units=16,
    evaluation_episodes=4,
    learning_rate=5e-3,
    discount=0.5,
    epsilon=0.1,
    smallest_return=-1.0,
    largest_return=4.0,
)
KINDS = {
    "plain": PLAIN,
    "double and duelling": replace(PLAIN, double=True, duelling=True),
    "prioritised, three steps": replace(PLAIN, prioritised=True, lookahead=3),
    "distributional": replace(PLAIN, atoms=21),
    "rainbow": replace(PLAIN, double=True, duelling=True, prioritised=True, lookahead=3, atoms=21),
}


def trained(environment: Environment, config: DQN) -> tuple[Experiment, DQNState]:
    experiment = make_experiment(config, lambda blind: make_dqn(environment, blind))
    values = {name: jnp.float32(value) for name, value in floats(config).items()}

    @jax.jit
    def train(key: jax.Array) -> DQNState:
        start = experiment.init(key, values)
        keys = jax.random.split(key, config.updates)
        return jax.lax.scan(lambda s, k: (experiment.update(s, None, k)[0], None), start, keys)[0]

    return experiment, train(jax.random.key(0))


def q_values(environment: Environment, config: DQN, state: DQNState, seen: list) -> np.ndarray:
    network = QNetwork(environment.actions, config.hidden, config.atoms, config.duelling)
    learner = QLearner(environment, network, config.double)
    observations = jnp.asarray(seen, jnp.float32)[:, None]
    return np.asarray(learner.q_value(state.params, observations, state.hyperparameters))


@pytest.mark.parametrize(
    "kind",
    ["plain", "rainbow", *(pytest.param(k, marks=pytest.mark.slow) for k in [*KINDS][1:-1])],
)
def test_the_lever_is_worth_what_it_pays(lever: Environment, kind: str) -> None:
    experiment, state = trained(lever, KINDS[kind])
    np.testing.assert_allclose(q_values(lever, KINDS[kind], state, [1])[0], [0, 1], atol=0.1)
    told = experiment.evaluate(state, None, jax.random.key(1))["episode_return"]
    assert told.total / told.weight == 1.0


@pytest.mark.parametrize("kind", ["plain", pytest.param("rainbow", marks=pytest.mark.slow)])
def test_an_end_ends_and_a_time_limit_does_not(clock, kind: str) -> None:
    config = replace(KINDS[kind], environment_steps=600 * 8)
    world = clock(3, ends="terminated")
    ended = q_values(world, config, trained(world, config)[1], [0, 1, 2])
    np.testing.assert_allclose(ended, [[1.75] * 2, [1.5] * 2, [1.0] * 2], atol=0.12)
    world = clock(3, ends="truncated")
    cut = q_values(world, config, trained(world, config)[1], [0, 1, 2])
    np.testing.assert_allclose(cut, np.full((3, 2), 2.0), atol=0.12)


def test_learning_that_starts_with_the_last_update_is_learning(lever: Environment) -> None:
    config = replace(CLEANRL, learning_starts=500_000)
    assert problems_of(config) == []
    assert config.warmup_updates == config.updates - 1


def test_what_is_learned_is_acted_on_however_much_is_explored(lever: Environment) -> None:
    """Only action 1 pays. With ε = 1 all actions are drawn alike, and the best is still known."""
    experiment, state = trained(lever, PLAIN)
    always = state._replace(hyperparameters={**state.hyperparameters, "epsilon": jnp.float32(1)})
    told = read(experiment.evaluate(always, None, jax.random.key(1)))
    assert told["episode_return"] == 1.0
    assert told["stochastic_episode_return"] < 1.0
    # The control: the most probable of actions that are drawn alike is the first, which pays 0.
    _, said = experiment.offers["agent"].policy(always).act(None, jnp.ones((1, 1)))
    assert said.drawn.mode()[0] == 0 and said.mode()[0] == 1


def test_who_chooses_and_who_values() -> None:
    following = jnp.array([[1.0, 5.0], [2.0, 0.0]])
    choosing = jnp.array([[3.0, 0.0], [0.0, 1.0]])
    reward, discount = jnp.array([10.0, 20.0]), jnp.array([0.5, 0.0])
    double = bootstrap_target(reward, discount, following, choosing)
    np.testing.assert_array_equal(double, [10.5, 20.0])
    plain = bootstrap_target(reward, discount, following, following)
    np.testing.assert_array_equal(plain, [12.5, 20.0])


def test_a_duelling_network_is_its_value_plus_what_is_better_than_the_mean() -> None:
    network = QNetwork(3, (8, 8), duelling=True)
    seen = jax.random.normal(jax.random.key(0), (5, 2))
    params = network.init(jax.random.key(1), seen)
    before = network.apply(params, seen)[..., 0]
    # An equal shift of all advantages changes nothing, one of the value shifts all.
    (advantage,) = [n for n, leaf in params["params"].items() if leaf["bias"].shape == (3,)]
    params["params"][advantage]["bias"] += 7.0
    np.testing.assert_allclose(network.apply(params, seen)[..., 0], before, atol=1e-5)
    (value,) = [n for n, leaf in params["params"].items() if leaf["bias"].shape == (1,)]
    params["params"][value]["bias"] += 2.0
    np.testing.assert_allclose(network.apply(params, seen)[..., 0], before + 2.0, atol=1e-5)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"environment": "Pendulum-v1"}, "CartPole-v1"),
        (
            {"batch_size": 1000, "replay_size": 800},
            "at most 800 (--replay-size), not 1000",
        ),
        ({"replay_size": 1001}, "--environments must divide --replay-size (1001)"),
        ({"environments": 0}, "environments"),
        ({"lookahead": 50, "replay_size": 80, "batch_size": 8}, "--lookahead 50"),
        ({"atoms": 51, "largest_return": -1.0}, "--smallest-return"),
        ({"learning_starts": 500_500}, "--learning-starts 500500: in --environment-steps 500000"),
    ],
)
def test_what_does_not_go_together_is_said(change: dict, said: str) -> None:
    assert problems_of(CLEANRL) == []
    assert any(said in problem for problem in problems_of(replace(CLEANRL, **change)))
