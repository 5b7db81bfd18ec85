"""Strings of the embedded Reber grammar, and strings that break it by one letter."""

from __future__ import annotations

import re
from typing import TypeAlias

import numpy as np

from research.data.columns import pad
from research.data.sources.arrays import ArraySource
from research.errors import Mistake
from research.prediction import Own

Grammar: TypeAlias = tuple[tuple[tuple[str, int], ...], ...]
"""For each state, the letters that may come and the states that they lead to; `DONE` ends."""

DONE = -1
LETTERS = "BEPSTVX"
"""A letter's token is its place and 1; 0 pads a string."""

REBER: Grammar = (
    (("B", 1),),
    (("T", 2), ("P", 3)),
    (("S", 2), ("X", 4)),
    (("T", 3), ("V", 5)),
    (("X", 3), ("S", 6)),
    (("P", 4), ("V", 6)),
    (("E", DONE),),
)
"""Reber 1967, figure 1, each choice as likely as the other."""

_FROM_4 = r"(?:XT*VP)*(?:S|XT*VV)"
_WHOLE = rf"B(?:TS*X{_FROM_4}|PT*V(?:V|P{_FROM_4}))E"
_EMBEDDED = re.compile(rf"B(?:T{_WHOLE}T|P{_WHOLE}P)E")

LONGEST = 50
"""Letters in the longest string; one in some 100,000 is longer and drawn anew."""

TAKES = f"a string of 1 to {LONGEST} of the letters {', '.join(LETTERS)}"
CLASSES = ("corrupted", "grammatical")
"""What the labels 0 and 1 say."""

SIZES = {"train": 10_000, "validation": 2_000, "test": 2_000}
"""Strings in each split, half of them corrupted."""


def is_grammatical(text: str) -> bool:
    """Whether the embedded Reber grammar can make a string: by a regular expression.

    It was derived by hand from the graph and shares nothing with the table that strings are made
    from, so that each checks the other.
    """
    return _EMBEDDED.fullmatch(text) is not None


def draw_reber(generator: np.random.Generator) -> str:
    """A string of `REBER`, by a walk through its states."""
    state, letters = 0, []
    while state != DONE:
        choices = REBER[state]
        letter, state = choices[int(generator.integers(len(choices)))]
        letters.append(letter)
    return "".join(letters)


def draw_embedded(generator: np.random.Generator) -> str:
    """A string of the embedded grammar: what comes before a Reber string comes after it again.

    Source: Hochreiter and Schmidhuber 1997, "Long Short-Term Memory", section 5.1.
    """
    while True:
        kept = "TP"[int(generator.integers(2))]
        if len(text := f"B{kept}{draw_reber(generator)}{kept}E") <= LONGEST:
            return text


def draw_corrupted(generator: np.random.Generator) -> str:
    """A string of the embedded grammar with one letter replaced such that it is one no more."""
    while True:
        text = draw_embedded(generator)
        place = int(generator.integers(len(text)))
        others = LETTERS.replace(text[place], "")
        letter = others[int(generator.integers(len(others)))]
        corrupted = text[:place] + letter + text[place + 1 :]
        if not is_grammatical(corrupted):
            return corrupted


def encode(texts: list[str]) -> np.ndarray:
    """Strings as tokens, int32 `[strings, LONGEST]`, padded with 0."""
    tokens = [[1 + LETTERS.index(letter) for letter in text] for text in texts]
    return pad(tokens, LONGEST, np.int32)


def read_string(text: str) -> Own:
    """A user's own string as `token`.

    Raises:
        Mistake: it has other letters, or is too long.
    """
    if not text or set(text) - {*LETTERS} or len(text) > LONGEST:
        raise Mistake(f"{text!r} is not {TAKES}")
    return Own(text, {"token": encode([text])})


def make_strings(seed: int = 42) -> dict[str, ArraySource]:
    """Half grammatical, half corrupted, in turn; no validation or test string is in another split.

    So held-out strings are longer than those of training, which has the short ones again and again.

    Returns:
        For each of `SIZES` columns `token`, int32 `[strings, LONGEST]`, and `label`, int32
        `[strings]`, 1 or 0.
    """
    generator = np.random.default_rng(seed)
    earlier: set[str] = set()
    sources = {}
    for split, count in SIZES.items():
        texts: list[str] = []
        while len(texts) < count:
            draw = draw_corrupted if len(texts) % 2 else draw_embedded
            if (text := draw(generator)) not in earlier:
                texts.append(text)
        earlier |= {*texts}
        grammatical = 1 - np.arange(count, dtype=np.int32) % 2
        name = f"{count:,} strings, half of the embedded Reber grammar ({split}, seed {seed})"
        sources[split] = ArraySource(name, {"token": encode(texts), "label": grammatical})
    return sources
