"""Texts: read from a data set or a file, and turned into tokens and back."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np

from research.data.columns import pad
from research.data.tfds_split import TfdsSplit
from research.engine.own_files import read_bytes
from research.errors import Mistake

SUFFIX = ".txt"
"""What the name of a file ends with, that of a data set never."""


def is_file(text: str) -> bool:
    """Whether this names a text file, not a data set."""
    return text.endswith(SUFFIX)


def read_text(text: str, split: str = "train") -> str:
    """The text of a split, that of its examples one after another; or that of a file.

    Args:
        text: a data set, as `TfdsSplit` has it, with a feature `text`; or a file in UTF-8, its
            name ending in `.txt`, which is read byte for byte but for a byte order mark.
        split: which part of a data set.

    Raises:
        Mistake: the data set is not prepared or has no text, the file cannot be read, or what
            there is is not in UTF-8.
    """
    if is_file(text):
        whose, data = text, read_bytes(text)
    else:
        whose = f"{text} {split}"
        try:
            data = b"".join(TfdsSplit(text, split, ("text",)).load()["text"].tolist())
        except Mistake:
            if wrong := _no_text_file(text):
                raise Mistake(
                    f"{wrong}; --text takes a file in UTF-8 whose name ends in {SUFFIX}, or the "
                    "name of a tfds data set"
                ) from None
            raise
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # Not `error.start` alone: a byte order mark is not counted in it.
        place = error.start + len(data) - len(error.object)
        raise Mistake(
            f"{whose} is not UTF-8: byte {error.object[error.start]:#04x} at {place:,}"
        ) from None


def _no_text_file(text: str) -> str:
    """What a path is that was meant as a text file and is none; "" of what is no path."""
    path = Path(text)
    if path.is_dir():
        return f"{text} is a folder"
    if path.exists():
        return f"{text} is a file whose name does not end in {SUFFIX}"
    return f"there is no file {text}" if text.startswith(("/", "./", "../", "~")) else ""


class Alphabet(NamedTuple):
    """The characters that a text is made of.

    Attributes:
        symbols: each once; a character's token is its place among them.
        lower: whether text is made lower-case before it is read.
    """

    symbols: str
    lower: bool = False

    def __len__(self) -> int:
        """How many characters there are."""
        return len(self.symbols)

    def encode(self, text: str, whose: str = "the text") -> np.ndarray:
        """The tokens of its characters, uint16 `[characters]`.

        Raises:
            Mistake: a character is not in the vocabulary.
        """
        if self.lower:
            text = text.lower()
        # A byte of a command line that is no UTF-8 is a lone surrogate here: an unseen character.
        codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
        known = np.frombuffer(self.symbols.encode("utf-32-le"), np.uint32)
        order = np.argsort(known)
        place = np.minimum(np.searchsorted(known[order], codes), len(known) - 1)
        found = order[place]
        strange = known[found] != codes
        if strange.any():
            which = sorted({chr(code) for code in codes[strange].tolist()})
            raise Mistake(
                f"{whose} has characters that the model has never seen: "
                f"{', '.join(map(repr, which[:10]))}. It knows {' '.join(map(repr, self.symbols))}"
            )
        return found.astype(np.uint16)

    def decode(self, tokens: np.ndarray) -> str:
        """The text of tokens `[characters]`."""
        return "".join(self.symbols[token] for token in np.asarray(tokens).tolist())

    def digest(self) -> str:
        """SHA-256 (hex) of the characters in order, and of whether text is made lower-case."""
        return hashlib.sha256(f"{int(self.lower)}{self.symbols}".encode()).hexdigest()


def alphabet_of(text: str, lower: bool = False) -> Alphabet:
    """The characters of a text in the order of their code points.

    The text is all that is to be read, validation and test included: which characters a text has is
    known of it beforehand.
    """
    return Alphabet("".join(sorted(set(text.lower() if lower else text))), lower)


Unit: TypeAlias = Literal["words", "characters"]
"""What a text is cut into."""

Kept: TypeAlias = Literal["first", "last"]
"""Which parts of a text are kept where it is too long."""

PADDING, START, END, UNKNOWN = range(4)
"""What fills up a row, what a text begins and ends with, and what is in no vocabulary."""

SIGNS = ("", "[start]", "[end]", "[unknown]")
"""How these four special tokens are spelled."""

WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
"""Letters and digits, with apostrophes between them: whatever else there is, punctuation and
inverted marks, separates words and is left out."""

PATTERN = r"[\p{L}\p{N}]+(?:['’][\p{L}\p{N}]+)*"
"""`WORD` as other languages write it."""


@dataclasses.dataclass(frozen=True)
class Vocabulary:
    """The words or characters that are known, and the token of each: a small integer.

    Attributes:
        symbols: words or characters, each once; the first is token 4, after the four special
            tokens. A stretch of words may be a symbol too.
        unit: which of the two. Words are lower-case.
    """

    symbols: tuple[str, ...]
    unit: Unit

    def __len__(self) -> int:
        """How many tokens there are, the special ones among them."""
        return len(SIGNS) + len(self.symbols)

    @functools.cached_property
    def tokens(self) -> dict[str, int]:
        """Symbol -> token."""
        return {symbol: token for token, symbol in enumerate(self.symbols, len(SIGNS))}

    def digest(self) -> str:
        """SHA-256 (hex) of the symbols in order, and of the unit."""
        listed = "\0".join((self.unit, *self.symbols))
        if any("\0" in symbol for symbol in self.symbols):  # where does a symbol end?
            listed = f"\0{[*map(len, self.symbols)]}{listed}"
        return hashlib.sha256(listed.encode("utf-8", "surrogatepass")).hexdigest()

    def describe(self) -> dict[str, Any]:
        """All that a program in any language needs to turn texts into tokens and back, as JSON.

        A token is a place in `symbols`, the special ones among them. A text of words is made
        lower-case and its words are the matches of `pattern`, which Python's `regex` and JavaScript
        (with the flag `u`) read alike; one of characters has every character for itself. What is no
        symbol is `unknown`; after the last token follows `padding`.
        """
        words = self.unit == "words"
        return {
            "unit": self.unit,
            "lower": words,
            "pattern": PATTERN if words else "",
            "joint": " " if words else "",
            "symbols": [*SIGNS, *self.symbols],
            "padding": PADDING,
            "start": START,
            "end": END,
            "unknown": UNKNOWN,
        }

    def unknown(self, text: str) -> list[str]:
        """What a text has that is not in the vocabulary, in its order, each once."""
        return [*dict.fromkeys(part for part in cut(text, self.unit) if part not in self.tokens)]

    def rows(
        self,
        texts: Iterable[Sequence[str]],
        length: int,
        kept: Kept = "first",
        *,
        end: bool = False,
    ) -> np.ndarray:
        """Texts as rows of tokens, padded at their ends, and cut where they are longer.

        Args:
            texts: parts of each, as `cut` gives; `UNKNOWN` stands for one that is no symbol.
            length: tokens in a row, at least 1.
            kept: which parts of a longer text.
            end: whether `END` follows each text (where there is room).

        Returns:
            uint16 `[texts, length]`, or int32 where there are more symbols.
        """
        find = self.tokens.get
        made = []
        for parts in texts:
            few = parts[:length] if kept == "first" else parts[-length:]
            made.append(([find(part, UNKNOWN) for part in few] + [END] * end)[:length])
        return self._padded(made, length)

    def bags(self, texts: Iterable[Iterable[str]]) -> np.ndarray:
        """The tokens of the symbols that a text holds, each once, rising; without what is unknown.

        Returns:
            uint16 or int32 `[texts, most]`, as long as the fullest bag needs, padded at their ends.
        """
        find = self.tokens.get
        made = [sorted({find(part, UNKNOWN) for part in text} - {UNKNOWN}) for text in texts]
        return self._padded(made, max(map(len, made), default=0))

    def spell(self, tokens: np.ndarray | Sequence[int]) -> list[str]:
        """The parts that tokens stand for, up to the first `END`; padding is left out."""
        parts = []
        for token in np.asarray(tokens).tolist():
            if token == END:
                break
            if token != PADDING:
                special = token < len(SIGNS)
                parts.append(SIGNS[token] if special else self.symbols[token - len(SIGNS)])
        return parts

    def decode(self, tokens: np.ndarray | Sequence[int]) -> str:
        """The text that they stand for."""
        return ("" if self.unit == "characters" else " ").join(self.spell(tokens))

    def _padded(self, rows: Sequence[Sequence[int]], length: int) -> np.ndarray:
        dtype = np.uint16 if len(self) <= 2**16 else np.int32
        return pad(rows, max(1, length), dtype)


def cut(text: str, unit: Unit) -> list[str]:
    """The parts of a text: its characters, or its words by `WORD` in lower case."""
    return [*text] if unit == "characters" else WORD.findall(text.lower())


def commonest(texts: Iterable[Iterable[str]], unit: Unit, most: int | None = None) -> Vocabulary:
    """The vocabulary of texts, the most frequent first and equals in the order of their letters.

    Texts are those of the training split alone, for others are not known beforehand. It has `most`
    symbols beside the special tokens; no limit if None.
    """
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(text)
    ordered = sorted(counts, key=lambda part: (-counts[part], part))
    return Vocabulary(tuple(ordered[:most]), unit)
