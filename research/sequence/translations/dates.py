"""Dates as people write them with their ISO form: the data, and LSTMs that translate them."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, Self

import numpy as np

from research.data.order import shuffled_rows
from research.data.sources.arrays import ArraySource
from research.engine.experiment import Data, Experiment, Needs
from research.options.ranges import COUNT, Range
from research.sequence.translations.encoder_decoder import AttentionName, EncoderDecoder
from research.sequence.translations.pairs import Pair, pair_from, pair_of, pair_sources
from research.sequence.translations.translation import Translation, make_translation

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

    Returns:
        The characters of both, those of training; and for each of `SIZES` columns `source`, uint16
        `[days, 18]`, and `target`, uint16 `[days, 11]`, its `END` the last.
    """
    generator = np.random.default_rng(seed)
    days = LAST.toordinal() - FIRST.toordinal() + 1
    drawn = generator.choice(days, sum(SIZES.values()), replace=False) + FIRST.toordinal()
    texts = (spell(datetime.date.fromordinal(int(day))) for day in drawn)
    human, machine = map(list, zip(*texts, strict=True))
    train = slice(SIZES["train"])
    lengths = (LONGEST, len("2019-04-22") + 1)
    pair = pair_of(human[train], machine[train], "characters", lengths)
    ends = np.cumsum([*SIZES.values()]).tolist()
    splits = {
        split: slice(end - count, end)
        for (split, count), end in zip(SIZES.items(), ends, strict=True)
    }
    name = f"{{count}} dates ({{split}}, seed {seed})"
    return pair, pair_sources(pair, name, human, machine, splits)


@dataclass(frozen=True)
class DateTranslation(Translation):
    """Options of LSTMs that read and write dates, by an attention of the second."""

    attention: ClassVar[AttentionName] = "none"

    batch_size: Annotated[int, "dates in one update", Range(1, SIZES["train"])] = 32
    embedding: Annotated[int, "width of a character's embedding", COUNT] = 32
    units: Annotated[int, "units of each of the two layers", COUNT] = 128

    @property
    def headline(self) -> str:
        """The share of dates whose every letter is right."""
        return "test/whole"

    def smoke(self) -> Self:
        """One pass in 20 updates of a narrow net."""
        return replace(self, epochs=1, batch_size=500, embedding=4, units=8)

    def make(self) -> Experiment:
        """LSTMs that read and write dates."""
        pair, sources = make_dates()
        return self._make(pair, Data(sources, shuffled_rows(SIZES["train"], self.batch_size)))

    def make_to_use(self, needs: Needs) -> Experiment:
        """The same without dates to learn from."""
        return self._make(pair_from(needs), None)

    def _make(self, pair: Pair, data: Data | None) -> Experiment:
        vocabularies = len(pair.source), len(pair.target)
        return make_translation(
            self,
            EncoderDecoder(*vocabularies, self.embedding, self.units, attention=self.attention),
            pair,
            data,
            pairs=SIZES["train"],
            written=True,
        )
