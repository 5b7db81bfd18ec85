"""Film reviews and their labels: read, split, and cut into tokens."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from research.data.columns import Columns, as_objects
from research.data.features.texts import fit_words
from research.data.own_text import read_own
from research.data.sources.arrays import ArraySource
from research.data.sources.mapped import Mapped
from research.data.text import UNKNOWN, Kept, Vocabulary, commonest, cut
from research.data.tfds_split import TfdsSplit
from research.engine.experiment import Source
from research.errors import Mistake
from research.prediction import Own

DATASET = "imdb_reviews/plain_text"
MOST = 25_000
"""Reviews in the training set, and in the test set (Maas et al. 2011)."""
HELD_OUT = 10
"""One training review in so many, the last of these, is for validation."""
TAKES = "a text in quotes, or a file that holds one"
CLASSES = ("negative", "positive")
"""Names of the labels 0 and 1."""


class Reviews(NamedTuple):
    """Some reviews.

    Attributes:
        texts: as they were written.
        label: int32 `[reviews]`, 1 for a positive one.
    """

    texts: Sequence[str]
    label: np.ndarray

    def take(self, where: slice | np.ndarray) -> Reviews:
        """Those at `where`."""
        rows = np.arange(len(self.texts))[where]
        return Reviews([self.texts[row] for row in rows.tolist()], self.label[rows])


class Corpus(NamedTuple):
    """Reviews as tokens.

    Attributes:
        vocabulary: of the training split alone.
        sources: name of a split -> its reviews: `token`, int `[length]`, and `label`.
        texts: name of a split -> its reviews as they were written.
    """

    vocabulary: Vocabulary
    sources: Mapping[str, Source]
    texts: Mapping[str, Sequence[str]]


def read_reviews(count: int = MOST) -> tuple[Reviews, Reviews]:
    """The first `count` reviews of the training set, and of the test set.

    Raises:
        Mistake: the data set is not prepared.
    """
    train, test = (_read(f"{split}[:{count}]") for split in ("train", "test"))
    return train, test


def _read(split: str) -> Reviews:
    columns = TfdsSplit(DATASET, split, ("text", "label")).load()
    return Reviews([text.decode() for text in columns["text"]], columns["label"].astype(np.int32))


def split_reviews(train: Reviews, test: Reviews) -> dict[str, Reviews]:
    """Every tenth training review for validation, the others to train on.

    Raises:
        Mistake: there are fewer than ten, so that validation would have none.
    """
    if len(train.texts) < HELD_OUT:
        raise Mistake(
            f"{len(train.texts)} training reviews leave none for validation; take {HELD_OUT} "
            "or more"
        )
    held_out = np.arange(len(train.texts)) % HELD_OUT == HELD_OUT - 1
    return {"train": train.take(~held_out), "validation": train.take(held_out), "test": test}


def words_of(text: str) -> list[str]:
    """The words of a review, lower-case; `<br />` is a space."""
    return cut(text.replace("<br />", " "), "words")


def ngrams(words: Sequence[str], longest: int) -> list[str]:
    """All stretches of one to `longest` words, the short ones first, a space between words."""
    found = list(words)
    for size in range(2, longest + 1):
        runs = zip(*(itertools.islice(words, start, None) for start in range(size)), strict=False)
        found += map(" ".join, runs)
    return found


def parts_of(text: str, length: int, kept: Kept, longest: int) -> list[str]:
    """What may be a token of a review: its words, or stretches of those that are read of a bag.

    `longest` is as `make_corpus` has it.
    """
    words = words_of(text)
    return (
        ngrams(words[:length] if kept == "first" else words[-length:], longest)
        if longest
        else words
    )


def read_review(text: str, vocabulary: Vocabulary, length: int, kept: Kept, longest: int) -> Own:
    """A user's own review, or a file that holds one, as `token`; the others as `parts_of`.

    Raises:
        Mistake: none of its words is known.
    """
    found, name = read_own(text)
    parts = parts_of(found, length, kept, longest)
    unknown = vocabulary.unknown(found)
    rows = vocabulary.bags([parts]) if longest else vocabulary.rows([parts], length, kept)
    if not (rows > UNKNOWN).any():
        raise Mistake(f"{found!r} has no word that the model knows; this model takes {TAKES}")
    missing = f"not known to the model: {', '.join(unknown)}" if unknown else ""
    return Own(name, {"token": rows.astype(np.int32)}, missing)


def make_corpus(
    splits: dict[str, Reviews], words: int, length: int, kept: Kept = "last", longest: int = 0
) -> Corpus:
    """Reviews as tokens, of the words that are common in the training split.

    Args:
        splits: by name, `train` among them.
        words: the commonest of the training split that are known.
        length: words of a review that are read.
        kept: which, of a longer one.
        longest: of a bag, words in the longest stretch that counts as a token; 0 for words in the
            order in which they stand.
    """
    texts = {
        name: [parts_of(text, length, kept, longest) for text in part.texts]
        for name, part in splits.items()
    }
    vocabulary = commonest(texts["train"], "words", words)

    def rows(parts: dict[str, list[list[str]]]) -> dict[str, np.ndarray]:
        if not longest:
            return {name: vocabulary.rows(part, length, kept) for name, part in parts.items()}
        # All at once, for all splits' rows are to be equally long.
        whole = vocabulary.bags([text for part in parts.values() for text in part])
        cuts = np.cumsum([len(part) for part in parts.values()])[:-1]
        return dict(zip(parts, np.split(whole, cuts), strict=True))

    tokens = rows(texts)
    sources = {
        name: ArraySource(
            f"{DATASET}, {len(part.texts):,} reviews in {len(vocabulary):,} numbers ({name})",
            {"token": tokens[name], "label": part.label},
            vocabulary.digest(),
        )
        for name, part in splits.items()
    }
    return Corpus(vocabulary, sources, {name: part.texts for name, part in splits.items()})


class _Texts(Sequence[str]):
    """The texts of a source, each read when it is asked for."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def __len__(self) -> int:
        return len(self._source)

    def __getitem__(self, row: Any) -> Any:
        return self._source.read(np.array([row]))["text"][0].decode()


def as_source(reviews: Reviews, name: str) -> ArraySource:
    """Reviews as columns: `text`, and `label` int64."""
    texts = as_objects([text.encode() for text in reviews.texts])
    return ArraySource(name, {"text": texts, "label": reviews.label.astype(np.int64)})


def corpus_of(files: Mapping[str, Source], words: int, length: int, kept: Kept) -> Corpus:
    """Reviews that stay where they are: tokens are made of them whenever they are read.

    Args:
        files: split -> `text` and `label`, `train` among them.
        words: as `make_corpus`.
        length: likewise.
        kept: likewise.
    """
    vocabulary = fit_words(files["train"], "text", words, words_of)
    change = partial(_as_tokens, vocabulary, length, kept)
    does = f"the {kept} {length} words in {len(vocabulary):,} numbers"
    sources = {
        name: Mapped(source, change, does, vocabulary.digest()) for name, source in files.items()
    }
    return Corpus(vocabulary, sources, {name: _Texts(source) for name, source in files.items()})


def _as_tokens(vocabulary: Vocabulary, length: int, kept: Kept, columns: Columns) -> Columns:
    parts = [words_of(text.decode("utf-8", "replace")) for text in columns["text"]]
    return {"token": vocabulary.rows(parts, length, kept), "label": columns["label"]}
