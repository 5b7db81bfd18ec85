"""Sticky actions, stacked frames and time limits: each against the environment without it."""

from __future__ import annotations

from typing import NamedTuple

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from gymnasium.wrappers import FrameStackObservation

from research.rl.distributions import Categorical
from research.rl.environments.interface import Box, Discrete, Environment, Renderer, TimeStep
from research.rl.environments.wrappers import limit_episodes, stack_frames, stick_actions
from research.rl.evaluation import run_episodes
from research.rl.policy import memoryless

WIDE = Box(np.full(1, -1e9, np.float32), np.full(1, 1e9, np.float32))


class Seen(NamedTuple):
    """Leaves `[steps, ...]`: what was acted on, and what came of it."""

    before: np.ndarray
    shown: TimeStep


def played(environment: Environment, actions: jax.Array, seed: int = 0) -> Seen:
    """One environment under given actions, in one compiled program."""

    def step(carry, given):
        state, observation = carry
        key, action = given
        state, shown = environment.step(key, state, action)
        return (state, shown.observation), Seen(observation, shown)

    @jax.jit
    def play(key):
        reset_key, step_key = jax.random.split(key)
        keys = jax.random.split(step_key, len(actions))
        return jax.lax.scan(step, environment.reset(reset_key), (keys, actions))[1]

    return jax.device_get(play(jax.random.key(seed)))


def echo(length: int, space=WIDE) -> Environment:
    """Shows the action that was carried out; an episode has `length` steps."""

    def reset(key):
        return jnp.int32(0), jnp.zeros(1)

    def step(key, time, action):
        done = time + 1 >= length
        seen = jnp.asarray(action, jnp.float32).reshape(1)
        fresh = jnp.where(done, 0.0, seen)
        after = jnp.where(done, 0, time + 1)
        return after, TimeStep(fresh, jnp.float32(0), done, jnp.bool_(False), seen)

    return Environment("echo", reset, step, (1,), space, 10**6)


def pictures(shape: tuple[int, ...], ends: str = "terminated") -> Environment:
    """Shows no picture twice; episodes have 1 to 9 steps."""

    def picture(count):
        size = int(np.prod(shape))
        return count + jnp.arange(size, dtype=jnp.float32).reshape(shape) / 128

    def reset(key):
        return jnp.int32(0), picture(0)

    def step(key, count, action):
        count = count + 1
        done, never = (count * count) % 10 == 1, jnp.bool_(False)
        final = picture(count)
        ending = (done, never) if ends == "terminated" else (never, done)
        return count, TimeStep(jnp.where(done, -final, final), jnp.float32(1), *ending, final)

    return Environment("pictures", reset, step, shape, Discrete(2), 10**6)


def equal(one: Seen, other: Seen) -> bool:
    return all(map(np.array_equal, jax.tree.leaves(one), jax.tree.leaves(other)))


def test_without_a_chance_nothing_sticks_and_with_one_something_does(clock):
    bare = clock(lambda episode: 3 + episode % 4, ends="terminated")
    actions = jnp.arange(60) % 2
    assert equal(played(stick_actions(bare, 0.0), actions), played(bare, actions))
    other = played(stick_actions(echo(50), 0.5), jnp.arange(60.0)[:, None])
    assert not equal(other, played(echo(50), jnp.arange(60.0)[:, None]))


def test_what_was_carried_out_is_repeated_as_often_as_asked():
    steps, probability = 8000, 0.4
    numbers = jnp.arange(1.0, steps + 1)[:, None]
    seen = played(stick_actions(echo(10**6), probability), numbers).shown
    carried = seen.final_observation[:, 0]
    repeated = carried != numbers[:, 0]
    before = np.concatenate([[0.0], carried[:-1]])
    np.testing.assert_array_equal(carried[repeated], before[repeated])
    # A binomial share, five standard deviations; after a repetition as after none.
    error = 5 * np.sqrt(probability * (1 - probability) / steps)
    assert abs(repeated.mean() - probability) < error
    for earlier in (True, False):
        after = repeated[1:][repeated[:-1] == earlier]
        allowed = 5 * np.sqrt(probability * (1 - probability) / len(after))
        assert abs(after.mean() - probability) < allowed
    # Numbers of actions stay numbers.
    few = played(stick_actions(echo(10**6, Discrete(9)), probability), jnp.arange(99) % 9).shown
    assert (few.final_observation[:, 0] != np.arange(99) % 9).any()


def test_the_first_action_of_an_episode_repeats_nothing():
    numbers = jnp.arange(1.0, 301.0)
    seen = played(stick_actions(echo(3), 0.9), numbers[:, None]).shown
    carried = seen.final_observation[:, 0]
    np.testing.assert_array_equal(carried[::3], numbers[::3])
    assert (carried[1::3] == carried[::3]).mean() > 0.75


@pytest.mark.parametrize(
    ("shape", "stacked", "ends"),
    [
        ((), (3,), "terminated"),
        ((4,), (12,), "truncated"),
        ((5, 2), (5, 2, 3), "truncated"),
        ((5, 2, 2), (5, 2, 6), "terminated"),
    ],
)
def test_a_stack_is_what_gymnasium_stacks(shape, stacked, ends):
    """gymnasium's wrapper, shown the frames of the bare environment, puts them on a first axis."""
    bare, actions = pictures(shape, ends), jnp.zeros(40, jnp.int32)
    environment = stack_frames(bare, 3)
    assert environment.observation_shape == stacked
    frames, seen = played(bare, actions), played(environment, actions)

    class Film(gymnasium.Env):
        observation_space = gymnasium.spaces.Box(-9, 9, shape, np.float32)
        action_space = gymnasium.spaces.Discrete(2)

        def reset(self, *, seed=None, options=None):
            return options, {}

        def step(self, action):
            return action, 0.0, False, False, {}

    def laid_out(stack):
        rank = len(shape)
        if rank in (1, 3):  # along the last axis
            return np.concatenate(list(stack), -1)
        return np.stack(list(stack), -1)

    oracle = FrameStackObservation(Film(), 3)
    stack, _ = oracle.reset(options=frames.before[0])
    for step in range(40):
        np.testing.assert_array_equal(seen.before[step], laid_out(stack))
        stack, *_ = oracle.step(frames.shown.final_observation[step])
        np.testing.assert_array_equal(seen.shown.final_observation[step], laid_out(stack))
        if frames.shown.terminated[step] or frames.shown.truncated[step]:
            stack, _ = oracle.reset(options=frames.shown.observation[step])
        np.testing.assert_array_equal(seen.shown.observation[step], laid_out(stack))
    ended = frames.shown.terminated | frames.shown.truncated
    assert ended.sum() == 8
    np.testing.assert_array_equal(seen.shown.terminated, frames.shown.terminated)
    np.testing.assert_array_equal(seen.shown.truncated, frames.shown.truncated)


def test_a_stack_of_one_changes_no_value():
    bare, actions = pictures((4,)), jnp.zeros(20, jnp.int32)
    assert equal(played(stack_frames(bare, 1), actions), played(bare, actions))


@pytest.mark.parametrize("shape", [(4,), (5, 2), (5, 2, 2)])
def test_the_newest_frame_is_drawn(shape):
    drawn: list[np.ndarray] = []

    def draw(observations):
        drawn.append(observations)
        return np.zeros((len(observations), 1, 1), np.uint8)

    bare = pictures(shape)._replace(renderer=Renderer(draw, np.zeros((1, 3), np.uint8), 0.1))
    actions = jnp.zeros(10, jnp.int32)
    stacked = stack_frames(bare, 3)
    assert stacked.renderer is not None
    stacked.renderer.draw(played(stacked, actions).before)
    np.testing.assert_array_equal(drawn[0], played(bare, actions).before)


@pytest.mark.parametrize(
    ("length", "ends", "limit", "terminated", "truncated"),
    [
        (7, "terminated", 5, [], [5, 10, 15, 20]),
        (7, "truncated", 5, [], [5, 10, 15, 20]),
        (3, "terminated", 5, [3, 6, 9, 12, 15, 18], []),
        (5, "terminated", 5, [5, 10, 15, 20], []),
        (5, "truncated", 5, [], [5, 10, 15, 20]),
        (7, "terminated", 1, [], list(range(1, 21))),
    ],
)
def test_an_episode_is_cut_at_the_limit_and_no_sooner(
    clock, length, ends, limit, terminated, truncated
):
    """A clock shows its time: what is seen in the end, and that another episode begins."""
    environment = limit_episodes(clock(length, ends=ends), limit)
    seen = played(environment, jnp.zeros(20, jnp.int32))
    np.testing.assert_array_equal(np.flatnonzero(seen.shown.terminated) + 1, terminated)
    np.testing.assert_array_equal(np.flatnonzero(seen.shown.truncated) + 1, truncated)
    episode = min(length, limit)
    steps = np.arange(20) % episode + 1
    np.testing.assert_array_equal(seen.shown.final_observation[:, 0], steps % length)
    np.testing.assert_array_equal(seen.shown.observation[:, 0], steps % episode)
    np.testing.assert_array_equal(seen.before[:, 0], np.arange(20) % episode)


def test_until_it_is_cut_an_episode_is_as_without_the_limit(clock):
    bare = clock(lambda episode: 3 + episode % 40, ends="terminated")
    actions = jnp.zeros(200, jnp.int32)
    without, own = played(bare, actions), played(limit_episodes(bare, 50), actions)
    assert equal(own, without)
    cut = played(limit_episodes(bare, 10), actions)
    first = int(np.flatnonzero(cut.shown.truncated)[0])
    whole = [jax.tree.map(lambda leaf: leaf[:first], seen) for seen in (cut, without)]
    assert equal(*whole) and not equal(cut, without)


def test_a_cut_episode_is_followed_by_one_that_chance_begins(clock):
    """A clock draws the number of each episode, here in its length: all kinds come after a cut."""
    bare = clock(lambda episode: 3 + episode % 4, ends="terminated")
    seen = played(limit_episodes(bare, 4), jnp.zeros(400, jnp.int32)).shown
    cuts = np.flatnonzero(seen.truncated)[:-1]
    ends = np.flatnonzero(seen.truncated | seen.terminated)
    after = np.array([ends[ends > cut][0] for cut in cuts])
    # Half of all episodes are longer than the limit, a quarter as long, and a quarter shorter.
    assert len(cuts) > 30
    assert abs(seen.truncated[after].mean() - 0.5) < 5 * 0.5 / np.sqrt(len(cuts))
    assert abs((after - cuts == 3).mean() - 0.25) < 5 * 0.44 / np.sqrt(len(cuts))


def test_an_evaluation_ends_with_the_limit(clock):
    environment = limit_episodes(clock(40, ends="terminated"), 6)
    assert environment.longest_episode == 6
    still = memoryless(lambda seen: Categorical(jnp.zeros((len(seen), 2))))
    found = run_episodes(environment, still, jax.random.key(0), 3)
    assert found.finished.all() and (found.episode_return == 6).all()


def test_in_whichever_order_they_are_put_on_the_environment_is_the_same(clock):
    bare = clock(lambda episode: 3 + episode % 10, ends="terminated")

    def pay(environment):  # so that what is carried out can be told
        def step(key, state, action):
            after, shown = environment.step(key, state, action)
            return after, shown._replace(reward=action.astype(jnp.float32))

        return environment._replace(step=step)

    wrappers = [
        lambda environment: stick_actions(environment, 0.5),
        lambda environment: stack_frames(environment, 3),
        lambda environment: limit_episodes(environment, 5),
    ]
    ways = []
    for order in ((0, 1, 2), (2, 1, 0), (1, 2, 0)):
        environment = pay(bare)
        for index in order:
            environment = wrappers[index](environment)
        ways.append(played(environment, jnp.arange(100) % 2))
    assert all(equal(way, ways[0]) for way in ways)
    assert ways[0].shown.truncated.any() and ways[0].shown.terminated.any()
    assert (ways[0].shown.reward != np.arange(100) % 2).any()
    assert not equal(ways[0], played(environment, jnp.arange(100) % 2, seed=1))


def test_what_makes_no_sense_is_refused(clock):
    bare = clock(9, ends="terminated")
    with pytest.raises(ValueError, match="at least 0 and below 1"):
        stick_actions(bare, 1.0)
    with pytest.raises(ValueError, match="at least one frame"):
        stack_frames(bare, 0)
    with pytest.raises(ValueError, match="do not stack"):
        stack_frames(bare._replace(states=4), 2)
    for limit in (0, 51):
        with pytest.raises(ValueError, match="from 1 step to 50"):
            limit_episodes(bare, limit)
