"""PPO with curiosity: two rewards with a value each, and PPO itself where curiosity weighs 0."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from research.engine.metrics import read
from research.options.config import problems_of
from research.rl.algorithms.curious_ppo import (
    CuriousPPO,
    make_curious_examples,
    make_curious_ppo,
)
from research.rl.algorithms.ppo import make_ppo
from research.rl.network import PolicyAndTwoValues
from research.rl.rollout import Trajectory
from tests.rl.making import experiment_in, run, traced

CONFIG = CuriousPPO(
    environments=4,
    rollout_steps=16,
    epochs=4,
    minibatch_size=32,
    units=16,
    layers=1,
    random_features=8,
    warmup_steps=4,
    environment_steps=200 * 64,
    anneal=True,
    learning_rate=3e-3,
    discount=0.9,
    gae_lambda=0.9,
    entropy_weight=0.01,
    value_weight=1.0,  # Of the mean over both values: as 0.5 of one.
    max_gradient_norm=1e6,
    extrinsic_weight=1.0,
    intrinsic_weight=0.0,
    intrinsic_discount=0.8,
    predictor_learning_rate=1e-3,
)
VALUES = traced(CONFIG)
ONE = replace(CONFIG, minibatch_size=64, epochs=2)
"""One minibatch a pass: groups are not shuffled apart."""


def curious(environment, config=CONFIG):
    return experiment_in(environment, make_curious_ppo, config)


def trained(environment, updates):
    experiment = curious(environment)
    return experiment, jax.jit(lambda: run(experiment, VALUES, updates))()


@pytest.mark.slow
@pytest.mark.parametrize("ends", ["terminated", "truncated"])
def test_without_weight_the_task_is_valued_as_by_ppo(clock, ends):
    """As in `test_ppo.py`: Σ .9^k over the steps left of five, or 10 where a limit cuts them."""
    _, state = trained(clock(5, ends=ends), 200)
    network = PolicyAndTwoValues(2, CONFIG.hidden)
    times = jnp.arange(5, dtype=jnp.float32)[:, None]
    value = network.apply(state.params, times, method="value")
    ended = (1 - 0.9 ** np.arange(5, 0, -1)) / 0.1
    expected = ended if ends == "terminated" else np.full(5, 10.0)
    np.testing.assert_allclose(value, expected, atol=0.35)


def test_without_weight_what_pays_is_learned(lever):
    experiment, state = trained(lever, 60)
    assert read(jax.jit(experiment.evaluate)(state, None, jax.random.key(0)))["episode_return"] == 1


@pytest.fixture(scope="module")
def one_update(clock):
    """A compiled init and update of one group, in episodes of five steps that a limit cuts."""
    experiment = curious(clock(5, ends="truncated"), ONE)
    return jax.jit(experiment.init), jax.jit(experiment.update, static_argnums=1)


def test_without_weight_an_update_is_that_of_ppo(clock, one_update):
    """Policy and value of the task from the same state with the same key: equal up to rounding.
    With weight (the control) the policy is another one.
    """
    init, update = one_update
    start = init(jax.random.key(0), VALUES)
    towers = dict(start.params["params"])
    del towers["intrinsic_tower"]
    plain = experiment_in(clock(5, ends="truncated"), make_ppo, ONE)
    plain_start = jax.jit(plain.init)(jax.random.key(0), traced(CONFIG, value_weight=0.5))
    plain_start = plain_start._replace(params={"params": towers}, episodes=start.episodes)
    ppo_key = jax.random.split(jax.random.key(1))[0]
    expected, told = jax.jit(plain.update, static_argnums=1)(plain_start, None, ppo_key)
    found, also = update(start, None, jax.random.key(1))
    for name, leaves in expected.params["params"].items():
        jax.tree.map(
            partial(np.testing.assert_allclose, rtol=1e-4, atol=1e-5),
            found.params["params"][name],
            leaves,
        )
    assert read(told)["policy_loss"] == pytest.approx(read(also)["policy_loss"], abs=1e-6)
    weighed = start._replace(hyperparameters=traced(CONFIG, intrinsic_weight=1.0))
    drawn, _ = update(weighed, None, jax.random.key(1))
    one, other = (
        ravel_pytree(state.params["params"]["policy_tower"])[0] for state in (expected, drawn)
    )
    assert np.abs(one - other).max() > 1e-3


def test_advantages_of_both_rewards_against_a_loop():
    """Ends of both kinds: extrinsic returns stop there, intrinsic ones go on, with the value of
    what is acted on next. Cut as the others are (the control), they would be others.
    """
    generator, (time, number) = np.random.default_rng(0), (12, 3)
    network = PolicyAndTwoValues(2, (8,))
    params = jax.tree.map(lambda leaf: 2 * leaf, network.init(jax.random.key(0), jnp.zeros(1)))
    seen, final = generator.normal(size=(2, time, number, 1)).astype(np.float32)
    following = generator.normal(size=(number, 1)).astype(np.float32)
    reward, new = generator.normal(size=(2, time, number)).astype(np.float32)
    terminated = generator.random((time, number)) < 0.2
    truncated = (generator.random((time, number)) < 0.2) & ~terminated
    nothing = np.zeros((time, number), np.float32)
    trajectory = Trajectory(
        seen, nothing.astype(np.int32), reward, terminated, truncated, final, nothing, nothing
    )
    trajectory = jax.tree.map(jnp.asarray, trajectory)
    rates = traced(CONFIG, extrinsic_weight=2.0, intrinsic_weight=0.5)
    examples = jax.jit(partial(make_curious_examples, network))(
        params, trajectory, jnp.asarray(following), jnp.asarray(new), rates
    )

    def value(observation, method):
        return np.asarray(network.apply(params, observation, method=method), np.float64)

    ended, task = terminated | truncated, np.zeros((time, number))
    endless, cut = np.zeros((time, number)), np.zeros((time, number))
    acted_on = value(np.concatenate([seen, following[None]]), "intrinsic_value")
    v, v_final = value(seen, "value"), value(final, "value")
    later = later_endless = later_cut = np.zeros(number)
    for t in reversed(range(time)):
        error = reward[t] + 0.9 * np.where(terminated[t], 0, v_final[t]) - v[t]
        later = task[t] = error + np.where(ended[t], 0, 0.81 * later)
        error = new[t] + 0.8 * acted_on[t + 1] - acted_on[t]
        later_endless = endless[t] = error + 0.72 * later_endless
        later_cut = cut[t] = error + np.where(ended[t], 0, 0.72 * later_cut)
    close = partial(np.testing.assert_allclose, rtol=1e-4, atol=1e-4)
    close(examples.advantage, (2 * task + 0.5 * endless).ravel())
    close(examples.target[:, 0], (task + v).ravel())
    close(examples.target[:, 1], (endless + acted_on[:-1]).ravel())
    close(examples.value, np.stack([v.ravel(), acted_on[:-1].ravel()], -1))
    assert ended.sum() > 5 and np.abs(cut - endless).max() > 0.1


def test_intrinsic_returns_go_on_over_rollouts_and_ends(one_update):
    """Discounted errors are never set to 0: what there was before a rollout is worth .8^16 of it
    after sixteen steps, in which three episodes ended. Cut at ends (the control) it would be 0.
    """
    init, update = one_update
    once, told = update(init(jax.random.key(0), VALUES), None, jax.random.key(1))
    assert read(told)["episodes"] == 12
    assert (np.asarray(once.curiosity.running) > 0).all()
    fresh = once._replace(curiosity=once.curiosity._replace(running=jnp.zeros(4)))
    (twice, _), (anew, _) = (update(state, None, jax.random.key(2)) for state in (once, fresh))
    np.testing.assert_allclose(
        twice.curiosity.running - anew.curiosity.running,
        0.8**16 * once.curiosity.running,
        rtol=1e-3,
    )


def test_groups_learn_what_the_whole_does(clock, one_update):
    """One update as one group and as two. Actions are drawn otherwise and do nothing here: all
    that does not depend on them is equal up to rounding.
    """
    init, update = one_update
    two_groups = curious(clock(5, ends="truncated"), replace(ONE, groups=2))
    start = init(jax.random.key(0), VALUES)
    one, told = update(start, None, jax.random.key(1))
    parted = jax.jit(two_groups.update, static_argnums=1)
    two, also = parted(start, None, jax.random.key(1))
    close = partial(np.testing.assert_allclose, rtol=1e-3, atol=2e-5)
    jax.tree.map(close, one.curiosity, two.curiosity)
    moved = jax.tree.map(lambda a, b: float(jnp.abs(a - b).max()),
                         one.curiosity.predictor, start.curiosity.predictor)  # fmt: skip
    assert min(jax.tree.leaves(moved)) > 1e-4
    for tower in ("value_tower", "intrinsic_tower"):
        jax.tree.map(close, one.params["params"][tower], two.params["params"][tower])
    for name in ("intrinsic_reward", "prediction_error", "value_loss", "episode_return"):
        assert read(told)[name] == pytest.approx(read(also)[name], rel=1e-3), name


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"random_features": 0}, "--random-features must be at least 1"),
        ({"warmup_steps": 0}, "--warmup-steps must be at least 1"),
        ({"predictor_learning_rate": 0.0}, "--predictor-learning-rate must be above 0"),
        ({"intrinsic_discount": 1.5}, "--intrinsic-discount must be at least 0 and at most 1"),
        ({"intrinsic_weight": -1.0}, "--intrinsic-weight must be at least 0"),
        ({"extrinsic_weight": 0.0, "intrinsic_weight": 0.0}, "there is nothing to learn from"),
        ({"minibatch_size": 100}, "--minibatch-size"),
        ({"environment": "DeepSea21-bsuite"}, "did you mean DeepSea20-bsuite?"),
    ],
)
def test_what_does_not_fit_is_refused(change, message):
    assert problems_of(CuriousPPO()) == []
    (problem,) = problems_of(replace(CuriousPPO(), **change))
    assert message in problem
