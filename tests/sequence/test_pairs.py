"""Pairs of texts as numbers, and what the ledger is told of their vocabularies."""

from __future__ import annotations

import numpy as np

from research.data.text import END, PADDING, UNKNOWN
from research.sequence.translations.pairs import pair_of, pair_sources

READ = ["we run", "we sit", "run", "they run"]
WRITTEN = ["corremos", "nos sentamos", "corre", "ellos corren"]
SPLITS = {"train": slice(0, 3), "validation": slice(3, 4)}


def made(read=READ, written=WRITTEN):
    pair = pair_of(read[:3], written[:3], "words", (3, 3))
    return pair, pair_sources(pair, "{count} pairs ({split})", read, written, SPLITS)


def test_words_of_training_are_known_and_targets_have_an_end():
    pair, sources = made()
    assert pair.source.symbols == ("run", "we", "sit")
    assert sources["train"].name == "3 pairs (train)" and len(sources["validation"]) == 1
    rows = sources["validation"].load()
    assert rows["source"].tolist() == [[UNKNOWN, 4, PADDING]]
    assert rows["target"].tolist() == [[UNKNOWN, UNKNOWN, END]]
    first = sources["train"].load()["target"][0]
    assert pair.target.decode(first) == "corremos" and first[1] == END


def test_other_words_of_the_same_numbers_are_other_data():
    _, sources = made()
    for changed in (
        {"read": [text.replace("sit", "sits") for text in READ]},
        {"written": [text.replace("corremos", "corremoz") for text in WRITTEN]},
    ):
        _, others = made(**changed)
        for split in SPLITS:
            for name, rows in sources[split].load().items():
                np.testing.assert_array_equal(rows, others[split].load()[name])
            assert others[split].digest() != sources[split].digest()
    assert made()[1]["train"].digest() == sources["train"].digest()
