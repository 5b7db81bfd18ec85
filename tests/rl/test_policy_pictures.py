"""Pictures of a policy: an episode that is the first and whole, returns, and a cart where it is."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from research.rl.distributions import Categorical
from research.rl.environments.control_drawings import CARTPOLE, CARTPOLE_SCALE, CARTPOLE_SIZE
from research.rl.environments.interface import Renderer
from research.rl.playing import animate, first_episode, play_episode, show_policy
from research.rl.policy import memoryless, reactive

STILL = memoryless(lambda seen: Categorical(jnp.array([1.0, 0.0])))
CART, POLE = 2, 3
"""Which ramp of the palette, counted from 1."""


def ink(frame, ramp):
    """Rows and columns of the pixels of one ramp."""
    levels = (len(CARTPOLE.palette) - 1) // 4
    return np.nonzero((frame > (ramp - 1) * levels) & (frame <= ramp * levels))


def test_the_first_episode_is_played_to_its_end_and_no_further(clock):
    environment = clock(7, ends="truncated")
    played = jax.jit(
        lambda key: play_episode(environment, STILL, key, 20)
    )(jax.random.key(0))  # fmt: skip
    episode = first_episode(*map(np.asarray, played))
    assert episode.finished and episode.episode_return == 7
    assert len(episode.observations) == 8
    np.testing.assert_array_equal(episode.observations[:7, 0], np.arange(7))

    cut = jax.jit(lambda key: play_episode(environment, STILL, key, 5))
    episode = first_episode(*map(np.asarray, cut(jax.random.key(0))))
    assert not episode.finished and episode.episode_return == 5


def test_returns_are_those_of_either_way_to_act(lever):
    def policy(params, observations):
        return Categorical(params * observations)  # logits [a, b] for an observation of 1

    params = jnp.log(jnp.array([0.25, 0.75]))
    made = show_policy(reactive(lever, policy), params, jax.random.key(3), 400)
    assert list(made) == ["returns"], "nothing draws this environment"
    greedy, drawn = made["returns"].values
    assert (greedy == 1).all()
    # 400 draws of .75: five standard deviations are .11.
    assert abs(drawn.mean() - 0.75) < 0.11 and set(drawn) == {0, 1}


@settings(max_examples=30, deadline=None)
@given(position=st.floats(-2.0, 2.0), angle=st.floats(-0.2, 0.2))
def test_cart_and_pole_are_drawn_where_they_are(position, angle):
    (frame,) = CARTPOLE.draw(np.float32([[position, 0, angle, 0]]))
    x = CARTPOLE_SIZE[1] / 2 + CARTPOLE_SCALE * position
    _, columns = ink(frame, CART)
    assert abs((columns.min() + columns.max() + 1) / 2 - x) < 1.5
    rows, columns = ink(frame, POLE)
    top = columns[rows == rows.min()].mean() + 0.5
    assert abs(top - (x + CARTPOLE_SCALE * np.sin(angle))) < 3
    assert frame.max() < len(CARTPOLE.palette)


def test_speed_is_not_drawn_and_position_is():
    frames = CARTPOLE.draw(np.float32([[0, 0, 0, 0], [0, 3, 0, 3], [0.1, 0, 0, 0]]))
    np.testing.assert_array_equal(frames[0], frames[1])
    assert (frames[0] != frames[2]).any()


@pytest.mark.parametrize(("seconds", "shown", "frame_seconds"), [(0.02, 5, 0.04), (0.5, 8, 0.5)])
def test_an_animation_takes_the_time_that_the_world_takes(clock, seconds, shown, frame_seconds):
    environment = clock(7, ends="terminated")
    drawer = Renderer(lambda o: o[:, :, None].astype(np.uint8), np.zeros((8, 3), np.uint8), seconds)
    played = play_episode(environment, STILL, jax.random.key(0), 9)
    animation = animate(first_episode(*map(np.asarray, played)), drawer)
    assert len(animation.frames) == shown and animation.seconds == frame_seconds
    assert animation.frames[1, 0, 0] == round(frame_seconds / seconds)
