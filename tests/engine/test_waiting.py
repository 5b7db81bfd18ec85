"""What steps waited for is counted, and is in the result only where data is read ahead of steps."""

from __future__ import annotations

import time

import pytest

from research.engine.program import Program
from research.engine.waiting import Waiting
from research.runs.spelling import spell_waiting
from tests.engine.toy import ToyFeed, make_toy, run_toy
from tests.engine.watch import Notes

REMEDIES = {"read": "read less", "map": "map less", "device": "send less", "first": ""}


def waiting(read=0.0, mapped=0.0, first=0.0, steps=0) -> Waiting:
    seconds = {"read": read, "map": mapped, "device": 0.0, "first": first}
    return Waiting(seconds, steps, REMEDIES)


class Slow(ToyFeed):
    """A feed of windows of ten steps; each but the first takes a moment to come."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.waited = waiting(first=100.0)  # before the loop began

    def windows(self, seed, start, stop):
        for begin in range(start, stop, 10):
            if begin > start:
                time.sleep(self.seconds)
                mapped = self.waited.seconds["map"] + self.seconds
                self.waited = waiting(0.0, mapped, 100.0, self.waited.steps + 10)
            yield from super().windows(seed, begin, min(begin + 10, stop))

    def waiting(self):
        return self.waited


class Told(Notes):
    def __init__(self) -> None:
        super().__init__()
        self.told = []

    def waited(self, waited):
        self.told.append(waited)


def test_a_slow_feed_is_counted_and_named_and_changes_no_bit(program, tmp_path):
    told = Told()
    slow = run_toy(tmp_path / "slow", Program(make_toy(), Slow(0.05)), observer=told)
    waited = slow["waited"]
    assert waited["stages"] == {"read": 0.0, "map": pytest.approx(0.25), "device": 0, "first": 0}
    assert waited["steps"] == 50 and waited["slowest"] == "map" and waited["remedy"] == "map less"
    # What was waited is part of the time on steps, and so of the speed.
    assert slow["seconds"] >= 0.25
    assert waited["share"] == pytest.approx(waited["seconds"] / slow["seconds"])
    assert told.told[-1]["steps"] == 50 and told.told[0]["steps"] == 0

    told = Told()
    plain = run_toy(tmp_path / "plain", program, observer=told)
    assert "waited" not in plain and not told.told
    assert plain["digest"] == slow["digest"]


def test_of_several_feeds_and_of_a_part_of_the_time():
    whole = waiting(1.0, 3.0, 2.0, 40).joined(waiting(1.0, 0.0, 1.0, 10))
    assert (whole.total, whole.steps, whole.seconds["first"]) == (8.0, 40, 3.0)
    assert whole.since(waiting(2.0, 1.0, 3.0, 30)) == waiting(0.0, 2.0, 0.0, 10)


def test_little_is_not_worth_a_word():
    much = waiting(1.0, 3.0, 5.0, 40).spell(10.0)
    assert spell_waiting(much, remedy=False) == "waiting for data 40 % of the time (map)"
    assert spell_waiting(much, remedy=True) == (
        "40 % of the time for data (read 1.0 s, map 3.0 s, device 0.0 s): map less"
    )
    for little in (
        waiting(1.0, 3.0, 5.0, 40).spell(100.0),  # 4 %
        waiting(0.0, 0.9, 5.0, 40).spell(1.0),  # under a second
        waiting(0.0, 0.0, 50.0).spell(51.0),  # a first window
        waiting(0.0, 0.0).spell(0.0),
        None,
        {"share_after_first": "much", "slowest": "map"},
    ):
        assert spell_waiting(little, remedy=True) == ""
