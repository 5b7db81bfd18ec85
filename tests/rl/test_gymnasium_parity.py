"""gymnasium's physics: a step in float32, 200 steps in float64, and where gymnax parts from it."""

from __future__ import annotations

from typing import Any, NamedTuple

import gymnasium
import gymnax
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from research.rl.environments.gymnax_adapter import adapt
from research.rl.environments.interface import Environment
from research.rl.environments.registered import make_environment


class World(NamedTuple):
    """What a test must know: names of a state, where to begin, which constant to change."""

    fields: tuple[str, ...]
    reach: list[float]
    start: list[float]
    constant: str


WORLDS = {
    "CartPole-v1": World(
        ("x", "x_dot", "theta", "theta_dot"), [2.6, 3.0, 0.23, 3.0], [0.3, 0.2, 0.05, 0], "gravity"
    ),
    # A start that runs into the wall, and one whose speed is at its bound.
    "MountainCar-v0": World(("position", "velocity"), [1.2, 0.07], [-1.1, -0.06], "gravity"),
    "Pendulum-v1": World(("theta", "theta_dot"), [np.pi, 8.0], [1.0, 7.9], "g"),
    # At full speed, three times this, the rounding of a step in float32 is up to 1e-5.
    "Acrobot-v1": World(
        ("joint_angle1", "joint_angle2", "velocity_1", "velocity_2"),
        [np.pi, np.pi, 3.0, 6.0],
        [0.1, -0.1, 0.05, 0.1],
        "link_mass_1",
    ),
}
CAR = "MountainCarContinuous-v0"


def oracle_of(name: str) -> Any:
    oracle = gymnasium.make(name).unwrapped
    oracle.reset(seed=0)
    return oracle


def at(environment: Environment, name: str, places: np.ndarray) -> Any:
    """States at places `[..., numbers]`, of their dtype."""
    fields = WORLDS[name].fields if name in WORLDS else WORLDS["MountainCar-v0"].fields
    state, _ = environment.reset(jax.random.key(0))
    state = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, places.shape[:-1]), state)
    return state.replace(**{field: jnp.asarray(places[..., i]) for i, field in enumerate(fields)})


def drawn(oracle: Any, generator: np.random.Generator, stretch: float = 1.0) -> Any:
    """An action; vectors may be beyond their bounds."""
    space = oracle.action_space
    if isinstance(space, gymnasium.spaces.Discrete):
        return int(generator.integers(space.n))
    return stretch * generator.uniform(space.low, space.high)


def told(actions: list[Any]) -> jax.Array:
    kind = jnp.int32 if isinstance(actions[0], int) else np.result_type(actions[0])
    return jnp.asarray(np.array(actions), kind)


@pytest.mark.parametrize("name", [*WORLDS, CAR])
def test_one_step_is_gymnasiums_to_a_millionth(name):
    """From 500 random places in float32: observations, rewards and endings."""
    environment, oracle = make_environment(name), oracle_of(name)
    generator = np.random.default_rng(0)
    # The continuous car between the wall and the goal: beyond, see below.
    reach = WORLDS[name].reach if name in WORLDS else [0.4, 0.06]
    places = (generator.uniform(-1, 1, (500, len(reach))) * reach).astype(np.float32)
    actions = [drawn(oracle, generator) for _ in places]
    actions = [a if isinstance(a, int) else a.astype(np.float32) for a in actions]
    step = jax.jit(jax.vmap(environment.step, in_axes=(None, 0, 0)))
    _, shown = step(jax.random.key(1), at(environment, name, places), told(actions))
    expected = []
    for place, action in zip(places, actions, strict=True):
        oracle.state = place.astype(np.float64)
        oracle.steps_beyond_terminated = None
        expected.append(oracle.step(action)[:3])
    observation, reward, terminated = map(np.array, zip(*expected, strict=True))

    def near(ours, theirs):
        np.testing.assert_array_less(abs(ours - theirs), 1e-6 * np.maximum(1, abs(theirs)))

    near(shown.final_observation, observation)
    np.testing.assert_array_equal(shown.terminated, terminated)
    assert not shown.truncated.any()
    lost = np.zeros(500, bool)
    if name == "CartPole-v1":  # what a step from an already lost state pays is a matter of taste
        lost = (abs(places[:, 0]) > 2.4) | (abs(places[:, 2]) > 12 * 2 * np.pi / 360)
        assert 50 < terminated.sum() < 450
    near(np.asarray(shown.reward)[~lost], reward[~lost])


def gymnasiums_way(name: str, steps: int) -> tuple[list[Any], np.ndarray]:
    """Actions, and the states `[steps, numbers]` that they lead to."""
    oracle, generator = oracle_of(name), np.random.default_rng(1)
    oracle.state = np.array(WORLDS[name].start)
    actions, states = [], []
    for _ in range(steps):
        if name == "CartPole-v1":  # left to chance it would fall
            x, speed, angle, spin = oracle.state
            action = int(angle + spin + 0.1 * x + 0.2 * speed > 0)
        else:
            action = drawn(oracle, generator, 1.3)
        _, _, terminated, _, _ = oracle.step(action)
        assert not terminated
        actions.append(action)
        states.append(np.array(oracle.state, np.float64))
    return actions, np.array(states)


def encores_ways(name: str, actions: list[Any], factors: list[float]) -> np.ndarray:
    """The states `[factors, steps, numbers]` that actions lead to, one constant multiplied."""
    world = WORLDS[name]
    gymnaxs, parameters = gymnax.make(name)
    parameters = parameters.replace(max_steps_in_episode=1000)

    def way(factor):
        constant = {world.constant: factor * getattr(parameters, world.constant)}
        environment = adapt(gymnaxs, parameters.replace(**constant), name)

        def step(state, action):
            state, _ = environment.step(jax.random.key(0), state, action)
            return state, jnp.stack([getattr(state, field) for field in world.fields])

        start = at(environment, name, np.array(world.start))
        return jax.lax.scan(step, start, told(actions))[1]

    states = jax.jit(jax.vmap(way))(jnp.array(factors))
    assert states.dtype == jnp.float64
    return np.asarray(states)


@pytest.mark.parametrize("name", WORLDS)
def test_200_steps_in_float64_are_gymnasiums_to_a_billionth(name):
    actions, states = gymnasiums_way(name, 200)
    with jax.enable_x64(True):
        same, other = encores_ways(name, actions, [1.0, 1 + 1e-6])
    np.testing.assert_allclose(same, states, rtol=0, atol=1e-9)
    assert abs(other - states).max() > 1e-7, "a constant off by a millionth would be noticed"


def test_time_limits_and_starts_are_gymnasiums():
    for name in (*WORLDS, CAR):
        environment = make_environment(name)
        assert environment.longest_episode == gymnasium.spec(name).max_episode_steps
        ours = jax.vmap(environment.reset)(jax.random.split(jax.random.key(0), 300))[1]
        oracle = gymnasium.make(name).unwrapped
        theirs = np.stack([oracle.reset(seed=seed)[0] for seed in range(300)])
        spread = theirs.max(0) - theirs.min(0)
        np.testing.assert_array_less(abs(ours.max(0) - theirs.max(0)), 0.05 * spread + 1e-6)
        np.testing.assert_array_less(abs(ours.min(0) - theirs.min(0)), 0.05 * spread + 1e-6)
        np.testing.assert_allclose(ours.mean(0), theirs.mean(0), atol=0.1 * spread.max())


def step_of_car(place: list[float], action: float) -> tuple[np.ndarray, bool, np.ndarray, bool]:
    """Where one step of the continuous car leads, and whether it ends there: ours, and theirs."""
    environment, oracle = make_environment(CAR), oracle_of(CAR)
    oracle.state = np.array(place)
    theirs, _, ended, _, _ = oracle.step(np.array([action]))
    state = at(environment, CAR, np.array(place))
    _, shown = environment.step(jax.random.key(0), state, jnp.asarray([action]))
    return np.asarray(shown.final_observation), bool(shown.terminated), theirs, ended


def test_the_continuous_car_is_gymnasiums_to_the_last_bit_between_wall_and_goal():
    """gymnasium keeps this state in float32: ours, computed in float64, rounds to the same."""
    oracle, generator = oracle_of(CAR), np.random.default_rng(2)
    places, actions, after = [], [], []
    oracle.state = np.array([-0.5, 0.0])
    for _ in range(200):
        oracle.state = np.array(oracle.state, np.float64)
        places.append(oracle.state)
        actions.append(drawn(oracle, generator, 1.3))
        oracle.step(actions[-1])
        after.append(oracle.state)
    with jax.enable_x64(True):
        environment = make_environment(CAR)
        step = jax.jit(jax.vmap(environment.step, in_axes=(None, 0, 0)))
        states, _ = step(jax.random.key(0), at(environment, CAR, np.array(places)), told(actions))
        ours = np.stack([states.position, states.velocity], -1)
    assert ours.dtype == np.float64
    np.testing.assert_array_equal(ours.astype(np.float32), np.array(after))


def test_the_continuous_car_is_not_stopped_by_the_wall_as_gymnasiums_is():
    """gymnax asks for the goal where gymnasium asks for the wall: what docs say of it."""
    ours, _, theirs, _ = step_of_car([-1.19, -0.05], 0.0)
    assert ours[0] == theirs[0] == np.float32(-1.2)
    assert theirs[1] == 0.0
    assert ours[1] == pytest.approx(-0.05 - 0.0025 * np.cos(3 * -1.19))
    # Backwards over the goal, where no play leads: gymnax stops it there, and it has arrived.
    ours, ended, theirs, theirs_ended = step_of_car([0.5, -0.02], 0.0)
    assert ended and not theirs_ended and ours[1] == 0.0 > theirs[1]
    # The car with numbers as actions is stopped.
    name = "MountainCar-v0"
    environment, oracle = make_environment(name), oracle_of(name)
    oracle.state = np.array([-1.19, -0.05])
    state = at(environment, name, np.array([-1.19, -0.05]))
    _, shown = environment.step(jax.random.key(0), state, jnp.int32(1))
    np.testing.assert_array_equal(shown.final_observation, oracle.step(1)[0])
    assert shown.final_observation[1] == 0.0
