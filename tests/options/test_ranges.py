"""Ranges: their ends, what is not finite, and what is said."""

import math
from types import SimpleNamespace

import pytest

from research.options.ranges import AMOUNT, COUNT, FRACTION, POSITIVE, Range


@pytest.mark.parametrize(
    "allowed, inside, outside",
    [
        (COUNT, [1, 10**9], [0, -1]),
        (POSITIVE, [1e-30, 5.0], [0.0, -1.0]),
        (AMOUNT, [0.0, 3.0], [-1e-9]),
        (FRACTION, [0.0, 0.999], [1.0, -0.1]),
        (Range(2, 3), [2, 3], [1.99, 3.01]),
    ],
)
def test_the_ends(allowed, inside, outside):
    assert all(map(allowed.holds, inside))
    assert not any(map(allowed.holds, [*outside, math.nan, math.inf, -math.inf]))


def test_each_mistake_is_named_as_it_is_typed():
    config = SimpleNamespace(batch_size=0, learning_rate=math.nan, epochs=3)
    ranges = {"batch_size": Range(1, 9), "learning_rate": POSITIVE, "epochs": COUNT}
    assert [
        text for name, allowed in ranges.items() for text in allowed.problems(name, config)
    ] == [
        "--batch-size must be at least 1 and at most 9, not 0",
        "--learning-rate must be above 0, not nan",
    ]
