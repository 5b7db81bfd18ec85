"""Texts for language models of characters: their splits, and rows for evaluation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal, NamedTuple, TypeAlias

import numpy as np

from research.data.sequences import split_by_time, windows_in
from research.data.sources.arrays import ArraySource
from research.data.text import Alphabet, alphabet_of, is_file, read_text
from research.options.config import Config
from research.options.ranges import COUNT, PATH

Cut: TypeAlias = Literal["gaps", "published"]
"""The splits of a text: with gaps as long as a window between them, or as published."""

SHARES = {"train": 0.9, "validation": 0.05, "test": 0.05}


@dataclass(frozen=True)
class TextConfig(Config):
    """Options of the text."""

    text: Annotated[str, "a tfds data set, or a file of your own, *.txt in UTF-8", PATH] = (
        "encore_python_reference"
    )
    cut: Annotated[Cut, "splits with gaps between them, or those of the data set"] = "gaps"
    lower: Annotated[bool, "make the text lower-case"] = True
    window: Annotated[int, "characters in a window, through which gradients flow", COUNT] = 100

    def problems(self) -> list[str]:
        """A file has no splits of its own."""
        if self.cut == "published" and is_file(self.text):
            return ["--cut published is for data sets with splits of their own, not for a file"]
        return super().problems()

    def own_files(self) -> dict[str, str]:
        """The text, where it is a file."""
        return {"text": self.text} if is_file(self.text) else {}


class Texts(NamedTuple):
    """A text as tokens.

    Attributes:
        vocabulary: of all of it.
        splits: name -> uint16 `[characters]`.
    """

    vocabulary: Alphabet
    splits: dict[str, np.ndarray]


def read_texts(config: TextConfig) -> Texts:
    """The chosen text, cut as chosen.

    Raises:
        Mistake: it is not there, not UTF-8, has no published splits, or is too short.
    """
    if config.cut == "published":
        parts = {split: read_text(config.text, split) for split in SHARES}
        vocabulary = alphabet_of("".join(parts.values()), config.lower)
        return Texts(vocabulary, {name: vocabulary.encode(part) for name, part in parts.items()})
    text = read_text(config.text)
    vocabulary = alphabet_of(text, config.lower)
    tokens = vocabulary.encode(text)
    spans = split_by_time(len(tokens), SHARES, gap=config.window + 1)
    return Texts(vocabulary, {name: tokens[slice(*span)] for name, span in spans.items()})


def text_sources(
    config: TextConfig, texts: Texts, stretches: int | None = None
) -> dict[str, ArraySource]:
    """The training text as one column of characters, each held-out one as rows; see `held_out`."""
    return {
        name: ArraySource(
            f"{config.text}, {len(part):,} characters of {len(texts.vocabulary)} kinds ({name})",
            {
                "symbol": part
                if name == "train"
                else held_out(part, config.window, f"the {name} text", stretches)
            },
            texts.vocabulary.digest(),
        )
        for name, part in texts.splits.items()
    }


def held_out(part: np.ndarray, window: int, whose: str, stretches: int | None = None) -> np.ndarray:
    """A held-out text as rows to be read from their beginnings, each with its last target.

    Args:
        part: uint16 `[characters]`.
        window: inputs in a row.
        whose: what the text is called.
        stretches: so many long rows instead, for a net that carries its state.

    Returns:
        uint16 `[rows, inputs + 1]`: each character but the first is a target once, but for the
        last ones, which do not fill a row.

    Raises:
        Mistake: it is shorter than a row.
    """
    length = window if stretches is None else max(1, (len(part) - 1) // stretches)
    count = windows_in(len(part) - 1, length, length, whose)
    position = length * np.arange(count)[:, None] + np.arange(length + 1)
    return part[position]
