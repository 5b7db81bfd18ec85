"""What of the tour rests on the compiler: the same bits by other ways, with all optimisations."""

from __future__ import annotations

import numpy as np
import pytest

from experiments.tour.written_loop import config
from research.data.prepared import find
from research.tour.several_devices import COUNTS, ask_process

pytestmark = pytest.mark.slow


def test_a_gradient_in_groups_is_the_same_on_any_number_of_devices():
    found = ask_process()["digests"]
    assert len({*found["groups"]}) == 1
    assert len({*found["mean"]}) == len(COUNTS), "the control"


@pytest.mark.parametrize("seed", [3, 2**31 - 2])
def test_the_written_loop_has_the_engines_bits_and_another_order_has_not(seed):
    if find("california_housing") is None:
        pytest.skip("california_housing is not prepared in TFDS_DATA_DIR")
    small = config.smoke()
    source = small.data()
    assert source is not None
    data = {name: split.load() for name, split in source.splits.items()}
    found = dict(small.find(np.int32(seed), data).figures)
    assert found["loop/different"] == found["loop/figures_different"] == 0
    assert found["another_order/different"] > 600
