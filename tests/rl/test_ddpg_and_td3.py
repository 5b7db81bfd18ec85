"""TD3 and DDPG where actions and values are known, and what sets them apart."""

from __future__ import annotations

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from research.options.config import floats, problems_of
from research.rl.algorithms.ddpg import DDPG, ddpg_target, networks
from research.rl.algorithms.td3 import TD3, smooth, td3_target
from research.rl.off_policy import ActorCritic
from research.rl.replay_buffer import Transition
from tests.rl.continuous import (
    BEST,
    SMALL,
    TOGETHER,
    UNIT,
    constant_critics,
    dial,
    greedy_return,
    made,
    train,
)

PLAIN_TD3 = TD3(**SMALL, exploration_deviation=0.5)
PLAIN_DDPG = DDPG(**SMALL, exploration_deviation=0.5)
KINDS: dict[str, tuple[ActorCritic, int]] = {"td3": (PLAIN_TD3, 2), "ddpg": (PLAIN_DDPG, 1)}
"""What is chosen, and how many critics it has."""


@pytest.mark.parametrize("kind", KINDS)
def test_the_dial_is_set_to_what_pays_most(kind: str) -> None:
    config, critics = KINDS[kind]
    experiment = made(dial(), replace(config, environment_steps=400 * TOGETHER))
    state = train(experiment)
    agent = networks(dial(), config.hidden, critics)
    action = agent.action(state.learned.actor.params, jnp.ones(1))
    assert float(action[0]) == pytest.approx(BEST, abs=0.08)
    actions = jnp.array([[0.1], [BEST], [0.5]])
    q_value = agent.critics.apply(state.learned.critics.params, jnp.ones((3, 1)), actions)
    np.testing.assert_allclose(q_value, [[-0.04, 0.0, -0.04]] * critics, atol=0.02)
    assert greedy_return(experiment, state) > -0.01


def test_an_end_ends_and_a_time_limit_does_not(clock) -> None:
    config = replace(PLAIN_TD3, environment_steps=400 * TOGETHER)
    agent = networks(clock(3, ends="terminated")._replace(action_space=UNIT), config.hidden, 2)

    def values(ends: str) -> np.ndarray:
        world = clock(3, ends=ends)._replace(action_space=UNIT)
        state = train(made(world, config))
        seen, action = jnp.arange(3.0)[:, None], jnp.zeros((3, 1))
        return np.asarray(agent.critics.apply(state.learned.critics.params, seen, action))

    np.testing.assert_allclose(values("terminated"), [[1.75, 1.5, 1.0]] * 2, atol=0.12)
    np.testing.assert_allclose(values("truncated"), [[2.0] * 3] * 2, atol=0.12)


def test_targets_of_two_critics_and_of_one() -> None:
    seen = Transition(
        jnp.ones((2, 1)), jnp.zeros((2, 1)), jnp.array([1.0, 2.0]), jnp.array([0.5, 0.0]),
        jnp.ones((2, 1)),
    )  # fmt: skip
    traced = {name: jnp.float32(value) for name, value in floats(PLAIN_TD3).items()}
    noise = jnp.zeros((2, 1))
    two = networks(dial(), PLAIN_TD3.hidden, 2)
    start = two.init(jax.random.key(0), traced)
    for values in ([3.0, 7.0], [7.0, 3.0]):
        critics = constant_critics(start.target_critics, values)
        params = start._replace(target_critics=critics)
        np.testing.assert_allclose(td3_target(two, params, seen, noise, traced), [2.5, 2.0])
    one = networks(dial(), PLAIN_DDPG.hidden, 1)
    start = one.init(jax.random.key(0), traced)
    params = start._replace(target_critics=constant_critics(start.target_critics, [7.0]))
    np.testing.assert_allclose(ddpg_target(one, params, seen), [4.5, 2.0])


def test_smoothing_is_clipped_twice() -> None:
    action = jnp.array([0.0, 0.0, 0.0, 0.9, -0.9])
    noise = jnp.array([1.0, 9.0, -9.0, 9.0, -1.0])
    told = smooth(action, noise, jnp.float32(0.2), jnp.float32(0.5))
    np.testing.assert_allclose(told, [0.2, 0.5, -0.5, 1.0, -1.0], rtol=1e-6)
    unmoved = smooth(action, noise, jnp.float32(0.0), jnp.float32(0.5))
    np.testing.assert_array_equal(unmoved, action)


@pytest.mark.parametrize(("gradient_steps", "moves"), [(2, False), (3, True)])
def test_the_actor_waits_for_its_turn(gradient_steps: int, moves: bool) -> None:
    config = replace(PLAIN_TD3, learning_starts=0, gradient_steps=gradient_steps, policy_delay=3)
    experiment = made(dial(), config)
    traced = {name: jnp.float32(value) for name, value in floats(config).items()}
    before = experiment.init(jax.random.key(0), traced).learned
    state = experiment.init(jax.random.key(0), traced)
    after = jax.jit(experiment.update)(state, None, jax.random.key(1))[0].learned

    def moved(old: object, new: object) -> bool:
        pairs = zip(jax.tree.leaves(old), jax.tree.leaves(new), strict=True)
        return any((left != right).any() for left, right in pairs)

    assert moved(before.critics.params, after.critics.params)
    assert moved(before.actor, after.actor) == moves
    assert moved(before.target_actor, after.target_actor) == moves
    assert moved(before.target_critics, after.target_critics) == moves


def test_what_is_remembered_is_what_was_done() -> None:
    """Noise far beyond the bounds is clipped before it is kept."""
    short = replace(PLAIN_DDPG, environment_steps=5 * TOGETHER, batch_size=4)
    for warmup in (0, 10):
        config = replace(short, learning_starts=warmup * TOGETHER, exploration_deviation=5.0)
        kept = np.asarray(train(made(dial(), config)).replay.steps.action)[:80]
        assert np.abs(kept).max() <= 1.0
        # Random actions at the start fill the middle; noise as wide as this is nearly all edge.
        assert (np.abs(kept) == 1.0).mean() > 0.5 if warmup == 0 else np.abs(kept).max() < 1.0


@pytest.mark.parametrize(
    ("config", "change", "said"),
    [
        (TD3(), {"environment": "CartPole-v1"}, "Pendulum-v1"),
        (TD3(), {"policy_delay": 3}, "--policy-delay must divide --gradient-steps"),
        (TD3(), {"policy_delay": 0}, "--policy-delay"),
        (TD3(), {"smoothing_limit": -1.0}, "--smoothing-limit"),
        (TD3(), {"exploration_deviation": 0.0}, "--exploration-deviation"),
        (DDPG(), {"environment": "Acrobot-v1"}, "Pendulum-v1"),
        (
            DDPG(),
            {"batch_size": 1000, "replay_size": 800},
            "at most 800 (--replay-size), not 1000",
        ),
        (DDPG(), {"exploration_deviation": 0.0}, "--exploration-deviation"),
    ],
)
def test_what_does_not_go_together_is_said(config: ActorCritic, change: dict, said: str) -> None:
    assert problems_of(config) == []
    assert any(said in problem for problem in problems_of(replace(config, **change)))
