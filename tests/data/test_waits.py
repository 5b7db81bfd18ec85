"""What the loop waited for, stage by stage, of feeds that are slow in a known way."""

from __future__ import annotations

import time

import numpy as np
import pytest

from research.data.feed import open_feed
from research.data.order import shuffled_rows
from research.data.sources.arrays import ArraySource
from research.data.sources.mapped import Mapped
from research.data.waits import Waits
from research.engine.experiment import Data

SECONDS = 0.01


class SlowSource(ArraySource):
    def read(self, index):
        time.sleep(SECONDS)
        return super().read(index)


def wait(columns):
    time.sleep(SECONDS)
    return columns


def waited(source, working: float = 0.0, workers: int = 1, placement: str = "streamed"):
    data = Data({"train": source}, shuffled_rows(64, 4))
    with open_feed(data, placement, window_steps=2, workers=workers) as feed:
        for _ in feed.windows(0, 0, 12):
            time.sleep(working)
        return feed.waiting()


def arrays(kind=ArraySource):
    return kind("arrays", {"x": np.zeros((64, 2), np.float32)})


@pytest.mark.parametrize(
    ("source", "slow"),
    [(arrays(SlowSource), "read"), (Mapped(arrays(), wait, "waits"), "map")],
)
@pytest.mark.parametrize("workers", [0, 1])
def test_the_stage_that_is_slow_is_named(source, slow, workers):
    found = waited(source, workers=workers)
    # 4 parts a window; 6 windows, of which the first is counted by itself where one is ahead.
    windows = 6 - workers
    assert found.seconds[slow] >= 0.8 * windows * 4 * SECONDS
    assert found.seconds[slow] > found.total - found.seconds[slow] - found.seconds["first"]
    assert found.steps == 2 * windows
    assert found.spell(10.0)["slowest"] == slow and found.spell(10.0)["remedy"].startswith(
        {"read": "reading is slow", "map": "the function on the host is slow"}[slow]
    )


def test_what_is_read_while_the_device_works_is_not_waited_for():
    found = waited(arrays(SlowSource), working=12 * SECONDS)
    assert found.total - found.seconds["first"] < 5 * 4 * SECONDS / 2
    assert found.seconds["first"] >= 3 * SECONDS


def test_data_on_the_device_waits_for_nothing():
    assert waited(arrays(), placement="resident") is None


def test_what_helps_depends_on_what_reads():
    few, many = Waits(1, processes=False).read(), Waits(10**6, processes=True).read()
    assert "--worker-kind processes" in few.remedies["map"]
    assert "--worker-kind" not in many.remedies["map"] and "as many" in many.remedies["read"]
