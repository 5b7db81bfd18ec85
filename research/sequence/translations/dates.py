"""Dates as people write them, and as machines do."""

from __future__ import annotations

import datetime

import numpy as np

from research.data.arrays import ArraySource
from research.sequence.translations.pairs import Pair, pair_of, pair_sources

MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
FIRST, LAST = datetime.date(1000, 1, 1), datetime.date(9999, 12, 31)
SIZES = {"train": 10_000, "validation": 2_000, "test": 2_000}
"""Days in each split."""

LONGEST = len("September 22, 2019")


def spell(day: datetime.date) -> tuple[str, str]:
    """`April 22, 2019` and `2019-04-22`."""
    return f"{MONTHS[day.month - 1]} {day.day:02}, {day.year}", day.isoformat()


def make_dates(seed: int = 42) -> tuple[Pair, dict[str, ArraySource]]:
    """Random days, all of them different, by characters.

    Args:
        seed: which days.

    Returns:
        The characters of both, those of training; and for each of `SIZES` columns `source`, uint16
        `[days, 18]`, and `target`, uint16 `[days, 11]`, its `END` the last.
    """
    generator = np.random.default_rng(seed)
    days = LAST.toordinal() - FIRST.toordinal() + 1
    drawn = generator.choice(days, sum(SIZES.values()), replace=False) + FIRST.toordinal()
    texts = (spell(datetime.date.fromordinal(int(day))) for day in drawn)
    human, machine = map(list, zip(*texts, strict=True))
    known = slice(SIZES["train"])
    lengths = (LONGEST, len("2019-04-22") + 1)
    pair = pair_of(human[known], machine[known], "characters", lengths)
    ends = np.cumsum([*SIZES.values()]).tolist()
    splits = {
        split: slice(end - count, end)
        for (split, count), end in zip(SIZES.items(), ends, strict=True)
    }
    name = f"{{count}} dates ({{split}}, seed {seed})"
    return pair, pair_sources(pair, name, human, machine, splits)
