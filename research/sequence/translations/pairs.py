"""Pairs of texts in two languages, as rows of tokens."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from research.data.sources.arrays import ArraySource
from research.data.text import Unit, Vocabulary, commonest, cut
from research.engine.experiment import Needs


class Pair(NamedTuple):
    """Two languages, and how long their texts are.

    Attributes:
        source: vocabulary of the source language.
        target: vocabulary of the target language.
        source_length: tokens of the longest source.
        target_length: tokens of the longest target, its `END` among them.
    """

    source: Vocabulary
    target: Vocabulary
    source_length: int
    target_length: int

    def sources(self, texts: Sequence[str]) -> np.ndarray:
        """Texts that are read, as rows of tokens, uint16 or int32 `[texts, source_length]`."""
        parts = (cut(text, self.source.unit) for text in texts)
        return self.source.rows(parts, self.source_length)

    def targets(self, texts: Sequence[str]) -> np.ndarray:
        """Texts that are written, each with its end, `[texts, target_length]` likewise."""
        parts = (cut(text, self.target.unit) for text in texts)
        return self.target.rows(parts, self.target_length, end=True)


def needs_of(pair: Pair) -> Needs:
    """The pair as JSON values, for `pair_from`."""
    return {
        name: dataclasses.asdict(value) if isinstance(value, Vocabulary) else value
        for name, value in pair._asdict().items()
    }


def pair_from(needs: Needs) -> Pair:
    """The pair that a run kept."""
    source, target = (
        Vocabulary(tuple(needs[name]["symbols"]), needs[name]["unit"])
        for name in ("source", "target")
    )
    return Pair(source, target, needs["source_length"], needs["target_length"])


def pair_of(
    read: Sequence[str],
    written: Sequence[str],
    unit: Unit,
    lengths: tuple[int, int],
    most: int | None = None,
) -> Pair:
    """The vocabularies of texts and of their translations, cut alike: those of training alone.

    Of each language at most so many tokens are kept; no limit if None.
    """
    source, target = (
        commonest((cut(text, unit) for text in texts), unit, most) for texts in (read, written)
    )
    return Pair(source, target, *lengths)


def pair_sources(
    pair: Pair,
    name: str,
    read: Sequence[str],
    written: Sequence[str],
    splits: Mapping[str, slice | np.ndarray],
) -> dict[str, ArraySource]:
    """Splits of texts and their translations, with columns `source` and `target`.

    The languages' digests are part of that of the data. In its name `{count}` and `{split}` are
    filled in; a split is where it is, or the indices of its texts.
    """
    rows = {"source": pair.sources(read), "target": pair.targets(written)}
    meaning = f"{pair.source.digest()}{pair.target.digest()}"
    made = {}
    for split, part in splits.items():
        columns = {column: some[part] for column, some in rows.items()}
        count = f"{len(columns['source']):,}"
        made[split] = ArraySource(name.format(count=count, split=split), columns, meaning)
    return made
