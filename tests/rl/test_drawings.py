"""Acrobot, the cart and its pole, the pendulum and the mountain cars are drawn where they are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from research.rl.environments import control_drawings
from research.rl.environments.control_drawings import (
    ACROBOT,
    CARTPOLE,
    CARTPOLE_SCALE,
    CARTPOLE_SIZE,
    PENDULUM,
    place_of,
)
from research.rl.environments.painting import LEVELS, bar, blank, paint, pixels
from research.rl.environments.registered import RENDERERS

angles = st.floats(-3.14, 3.14)


def where(frame, ink):
    """Rows and columns of the pixels that are at least half of one ink, counted from 0."""
    return np.nonzero((frame > ink * LEVELS + LEVELS // 2) & (frame <= (ink + 1) * LEVELS))


def acrobot(first, second):
    return np.float32([[np.cos(first), np.sin(first), np.cos(second), np.sin(second), 0.0, 0.0]])


@settings(max_examples=30, deadline=None)
@given(first=angles, second=angles)
def test_the_tip_of_acrobot_is_where_its_angles_say(first, second):
    (frame,) = ACROBOT.draw(acrobot(first, second))
    middle, scale = control_drawings.ACROBOT_SIZE / 2, control_drawings.ACROBOT_SCALE
    elbow = np.array([np.sin(first), np.cos(first)])
    tip = elbow + np.array([np.sin(first + second), np.cos(first + second)])
    rows, columns = where(frame, 2)
    distance = np.hypot(
        columns + 0.5 - middle - scale * tip[0], rows + 0.5 - middle - scale * tip[1]
    )
    # Where both links lie on each other the tip is under the pivot's joint.
    covered = scale * np.hypot(*tip) < 4
    assert covered or distance.min() < 1.0, "the tip is painted"
    # The lower link is a bar from the elbow to the tip, five pixels to either side.
    from_elbow = np.hypot(
        columns + 0.5 - middle - scale * elbow[0], rows + 0.5 - middle - scale * elbow[1]
    )
    assert abs(from_elbow.max() - (scale + 5)) < 1.5
    assert frame.max() < len(ACROBOT.palette)


@settings(max_examples=30, deadline=None)
@given(angle=angles)
def test_the_rod_ends_where_its_angle_says_and_leans_left_as_it_grows(angle):
    (frame,) = PENDULUM.draw(np.float32([[np.cos(angle), np.sin(angle), 0.0]]))
    middle, scale = control_drawings.PENDULUM_SIZE / 2, control_drawings.PENDULUM_SCALE
    rows, columns = where(frame, 1)
    end = np.hypot(columns + 0.5 - middle + scale * np.sin(angle),
                   rows + 0.5 - middle + scale * np.cos(angle))  # fmt: skip
    assert end.min() < 1.0, "the end is painted"
    assert abs(np.hypot(columns + 0.5 - middle, rows + 0.5 - middle).max() - (scale + 7)) < 1.5
    if abs(np.sin(angle)) > 0.2:
        assert (np.mean(columns) < middle) == (np.sin(angle) > 0)
    assert frame.max() < len(PENDULUM.palette)


def test_acrobot_stands_above_its_line_exactly_where_an_episode_ends():
    line = control_drawings.ACROBOT_SIZE / 2 - control_drawings.ACROBOT_SCALE
    for first, second, ends in ((np.pi, 0.0, True), (np.pi / 2, np.pi / 2 - 0.1, False)):
        assert (-np.cos(first) - np.cos(first + second) > 1) == ends
        rows, _ = where(ACROBOT.draw(acrobot(first, second))[0], 2)
        assert (rows.min() + 5 < line) == ends


@settings(max_examples=30, deadline=None)
@given(position=st.floats(-1.05, 0.45))
def test_the_car_stands_on_the_hill(position):
    frame, without = RENDERERS["MountainCar-v0"].draw(np.float32([[position, 0], [9.0, 0]]))
    rows, columns = where(frame, 3)
    column, row = place_of(position)
    # Its middle is some pixels off the ground, at a right angle to the slope.
    off = np.hypot(columns.mean() + 0.5 - column, rows.mean() + 0.5 - row)
    assert 9 < off < 14 and rows.mean() < row
    assert len(where(without, 3)[0]) == 0
    assert frame.max() < len(RENDERERS["MountainCar-v0"].palette)


@pytest.mark.parametrize(("name", "goal"), [("MountainCar-v0", 0.5),
                                            ("MountainCarContinuous-v0", 0.45)])  # fmt: skip
def test_the_flag_stands_at_the_goal_of_each(name, goal):
    (frame,) = RENDERERS[name].draw(np.float32([[-0.5, 0.0]]))
    _, columns = where(frame, 2)
    assert abs(columns.min() - place_of(goal)[0]) < 2


MOVING = {
    "Acrobot-v1": 6,
    "CartPole-v1": 4,
    "MountainCar-v0": 2,
    "MountainCarContinuous-v0": 2,
    "Pendulum-v1": 3,
}
"""What is drawn in physics -> how many numbers an observation has, the last of them a speed."""


@pytest.mark.parametrize(("name", "size"), MOVING.items())
def test_speed_is_not_drawn(name, size):
    observation = np.zeros((2, size), np.float32)
    # Cosines of angles that are 0.
    cosines = {"Acrobot-v1": [0, 2], "Pendulum-v1": [0]}.get(name, [])
    observation[:, cosines] = 1.0
    observation[1, -1] = 0.05
    frames = RENDERERS[name].draw(observation)
    np.testing.assert_array_equal(frames[0], frames[1])
    observation[1, 1 if cosines else 0] = 0.3
    frames = RENDERERS[name].draw(observation)
    assert (frames[0] != frames[1]).any()


def test_a_bar_covers_what_its_area_says():
    rows, columns = pixels(60, 60)
    painted = paint(blank(60, 60), bar(columns - 20, rows - 30, (18.0, 9.0), 4.0), 0)
    area = painted.astype(float).sum() / LEVELS
    assert area == pytest.approx(2 * 4 * np.hypot(18, 9) + np.pi * 16, rel=0.02)


CART, POLE = 2, 3
"""Which ramp of the palette, counted from 1."""


def ink(frame, ramp):
    """Rows and columns of the pixels of one ramp."""
    levels = (len(CARTPOLE.palette) - 1) // 4
    return np.nonzero((frame > (ramp - 1) * levels) & (frame <= ramp * levels))


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


def test_no_speed_of_the_cart_is_drawn_and_its_position_is():
    frames = CARTPOLE.draw(np.float32([[0, 0, 0, 0], [0, 3, 0, 3], [0.1, 0, 0, 0]]))
    np.testing.assert_array_equal(frames[0], frames[1])
    assert (frames[0] != frames[2]).any()
