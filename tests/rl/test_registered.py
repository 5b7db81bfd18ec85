"""Every environment by name: fixed types, and words for what does not fit."""

from __future__ import annotations

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from research.rl.environments.interface import Box
from research.rl.environments.registered import FINITE, GYMNAX, VARIANTS, make_environment, unfit

USABLE = [name for name, kind in GYMNAX.items() if not kind.unavailable]
USABLE += [*VARIANTS, *FINITE]


@cache
def made(name):
    return make_environment(name)


def test_the_table_is_gymnaxs():
    import gymnax

    ours = {name for name, kind in GYMNAX.items()}
    assert ours == set(gymnax.registered_envs)


@pytest.mark.parametrize("name", USABLE)
def test_types_are_a_fixed_point_of_stepping(name):
    """By abstract evaluation: nothing is compiled."""
    environment = made(name)
    key = jax.random.key(0)
    state, observation = jax.eval_shape(environment.reset, key)
    space = environment.action_space
    if isinstance(space, Box):
        assert (space.low < space.high).all() and space.low.dtype == np.float32
        action = jnp.asarray(space.low)
    else:
        action = jnp.int32(space.n - 1)
    after, shown = jax.eval_shape(environment.step, key, state, action)

    def kind(tree):
        return jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype, leaf.weak_type), tree)

    assert kind(state) == kind(after)
    assert kind(observation) == kind(shown.observation) == kind(shown.final_observation)
    assert observation.shape == environment.observation_shape
    assert observation.dtype == (jnp.float32 if environment.states is None else jnp.int32)
    assert shown.reward.shape == () and shown.reward.dtype == jnp.float32
    assert shown.terminated.dtype == shown.truncated.dtype == jnp.bool_
    assert not any(leaf.weak_type for leaf in jax.tree.leaves((state, observation, shown)))
    registered = GYMNAX.get(name)
    if registered:
        assert registered.continuous == isinstance(space, Box)
        assert registered.tabular == (environment.states is not None)


@pytest.mark.parametrize(("name", "length"), [("MemoryChain-bsuite", 5),
                                              ("MemoryChain30-bsuite", 30)])  # fmt: skip
def test_a_chain_asks_at_its_end_for_what_was_shown_at_its_start(name, length):
    """Stepped by hand: the bit is seen at first, and pays 1 or -1 in the last step alone."""
    environment = made(name)
    step = jax.jit(environment.step)
    for seed in range(4):
        state, seen = environment.reset(jax.random.key(seed))
        cue = float(seen[2])
        assert abs(cue) == 1
        for time in range(length + 1):
            # What is shown after the first step still shows the bit; nothing does after that.
            assert float(seen[2]) == (cue if time < 2 else 0)
            right = seed % 2 == 0
            state, shown = step(jax.random.key(9), state, jnp.int32((cue > 0) == right))
            last = time == length
            assert bool(shown.terminated) == last and not shown.truncated
            assert float(shown.reward) == (1 if right else -1) * last
            seen = shown.observation
    if name in VARIANTS:
        assert environment.longest_episode == length + 1


@pytest.mark.parametrize(("name", "size"), [("DeepSea-bsuite", 8), ("DeepSea20-bsuite", 20)])
def test_the_treasure_lies_as_deep_as_the_sea(name, size):
    """The way right, cell by cell, found by trying: 1 at the bottom, less the cost of every step;
    one step astray (the control) and there is none. Drawn is where the diver is.
    """
    environment = made(name)
    step = jax.jit(environment.step)

    def dive(astray=None):
        state, seen = environment.reset(jax.random.key(0))
        total, way = 0.0, [np.asarray(seen)]
        for row in range(size):
            right = int(state.action_mapping[state.row, state.column])
            action = 1 - right if row == astray else right
            state, shown = step(jax.random.key(row), state, jnp.int32(action))
            assert bool(shown.terminated) == (row == size - 1) and not shown.truncated
            total += float(shown.reward)
            way.append(np.asarray(shown.observation))
        return total, way

    best, way = dive()
    assert best == pytest.approx(0.99, abs=1e-5)
    assert dive(astray=size // 2)[0] == pytest.approx(-0.01 * (size - 1) / size, abs=1e-5)
    assert environment.longest_episode == size and environment.observation_shape == (size, size)
    assert [tuple(np.argwhere(seen)[0]) for seen in way[:-1]] == [(k, k) for k in range(size)]
    frames = environment.renderer.draw(np.stack(way[:-1]))
    cell = frames.shape[1] // size
    for k, frame in enumerate(frames):
        rows, columns = np.nonzero(frame == 4)
        assert {*(rows // cell), *(columns // cell)} == {k}


def test_an_unknown_name_is_told_what_fits():
    (problem,) = unfit("Cartpole-v1")
    assert "did you mean CartPole-v1?" in problem and "Pendulum-v1" in problem
    (problem,) = unfit("Pendulum-v1", continuous=False)
    assert "its actions are vectors" in problem and "Acrobot-v1" in problem
    (problem,) = unfit("CartPole-v1", continuous=True)
    assert "its actions are discrete" in problem and "Acrobot" not in problem
    (problem,) = unfit("CartPole-v1", tabular=True)
    assert "not indices of states" in problem and "FrozenLake-misc" in problem
    (problem,) = unfit("MNISTBandit-bsuite")
    assert "network" in problem
    assert unfit("CartPole-v1", continuous=False) == []
    with pytest.raises(ValueError, match="did you mean"):
        make_environment("Cartpole-v1")
