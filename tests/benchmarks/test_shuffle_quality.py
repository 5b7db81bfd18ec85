"""The measures of a shuffle: right where the answer is known, and they tell good from bad."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.shuffle import buffered, encore, measure, uniform

SIZE = 20_000


def test_of_orders_whose_answers_are_known():
    as_in_the_file = measure([np.arange(SIZE)] * 2)
    # 100 counts of 200 where 2 are expected: 100 (198² / 2) + 9,900 · 2, over 99².
    assert as_in_the_file.positions == pytest.approx((100 * 198**2 / 2 + 9_900 * 2) / 99**2)
    assert (as_in_the_file.moved, as_in_the_file.pairs) == (0, SIZE - 1)
    assert 1 <= as_in_the_file.classes < 1.02
    assert measure([np.arange(SIZE), np.arange(SIZE)[::-1]]).pairs == 0


@pytest.mark.parametrize("make", [encore, uniform])
def test_a_good_shuffle_is_as_expected_by_chance(make):
    found = measure(list(make(SIZE, 8)))
    # The means of 8 epochs of 9,801 degrees of freedom; of counts with mean 1.
    assert abs(found.positions - 1) < 5 * np.sqrt(2 / 9_801 / 8)
    assert abs(found.moved - 1 / 3) < 0.005
    assert found.pairs < 3.5
    assert abs(found.classes - 10 * (1 - 0.9**32)) < 0.05


def test_a_buffer_is_noticed_and_gives_each_example_once():
    epochs = list(buffered(SIZE, 3, 500))
    assert all(np.array_equal(np.sort(order), np.arange(SIZE)) for order in epochs)
    found = measure(epochs)
    assert found.positions > 10 and found.pairs > 5 and found.moved < 0.1 and found.classes < 3
    whole = list(buffered(400, 2, 500))
    assert all(np.array_equal(np.sort(order), np.arange(400)) for order in whole)
