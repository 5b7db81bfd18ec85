"""Chords of four notes, soprano to bass: as MIDI numbers, as tokens, and as people spell them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from research.engine.own_files import read_bytes
from research.errors import Mistake

VOICES = ("soprano", "alto", "tenor", "bass")
SILENCE = 0
"""In place of a note: its voice is silent. As a token, too."""
QUARTER = 4
"""Chords in a quarter note: each lasts a sixteenth."""
NAMES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
"""Of the notes of an octave, whose first is C; C4, the middle one, is 60."""
REST = "-"
"""How silence is spelled."""
_NOTE = re.compile(r"([A-G])([#b]?)(-?\d)")


class Notes(NamedTuple):
    """The notes that a model knows; the lowest is token 1.

    Attributes:
        lowest: MIDI number.
        highest: MIDI number.
    """

    lowest: int
    highest: int

    def __len__(self) -> int:
        """How many tokens there are, silence among them."""
        return self.highest - self.lowest + 2

    @property
    def numbers(self) -> tuple[int, ...]:
        """What each token stands for: silence, and MIDI numbers."""
        return SILENCE, *range(self.lowest, self.highest + 1)

    def encode(self, chords: np.ndarray, whose: str) -> np.ndarray:
        """The tokens of chords, int `[chords, 4]`, note after note: uint8 `[4 * chords]`.

        Raises:
            Mistake: a note is too low or too high; it names the chord, which is one of `whose`.
        """
        strange = (chords != SILENCE) & ((chords < self.lowest) | (chords > self.highest))
        if strange.any():
            row, voice = np.argwhere(strange)[0].tolist()
            raise Mistake(
                f"{whose}: the {VOICES[voice]} of chord {row + 1}, {spell_chord(chords[row])}, is "
                f"out of reach: the model knows {spell_note(self.lowest)} to "
                f"{spell_note(self.highest)}"
            )
        return np.where(chords == SILENCE, 0, chords - self.lowest + 1).astype(np.uint8).reshape(-1)

    def decode(self, tokens: np.ndarray) -> np.ndarray:
        """The chords of tokens `[4 * chords]`, int32 `[chords, 4]`."""
        notes = np.asarray(tokens, np.int32).reshape(-1, len(VOICES))
        return np.where(notes == SILENCE, SILENCE, notes + self.lowest - 1)


def spell_note(number: int) -> str:
    """`C#4` for 61; `-` for silence."""
    return REST if number == SILENCE else f"{NAMES[number % 12]}{number // 12 - 1}"


def spell_chord(chord: Sequence[int] | np.ndarray) -> str:
    """`C5 G4 E4 C3`."""
    return " ".join(spell_note(int(number)) for number in chord)


def parse_note(word: str) -> int:
    """The MIDI number of a note: `C#4`, `Db4`, `61`; `-` and `0` are silence.

    Raises:
        ValueError: it is no note.
    """
    if word in (REST, str(SILENCE)):
        return SILENCE
    if word.isascii() and word.isdigit() and int(word) < 128:
        return int(word)
    found = _NOTE.fullmatch(word[:1].upper() + word[1:])
    if found is None:
        raise ValueError(word)
    letter, sign, octave = found.groups()
    number = 12 * (int(octave) + 1) + NAMES.index(letter) + {"": 0, "#": 1, "b": -1}[sign]
    if not 0 < number < 128:
        raise ValueError(word)
    return number


def read_prompt(text: str, whose: str = "--prompt: ") -> np.ndarray:
    """Chords as a person gives them, int32 `[sixteenths, 4]`.

    In words, chords with `;` between them, each a quarter note long: `C5 G4 E4 C3; D5 A4 F4 D3`.
    Or a file whose name ends in `.csv`, a row of four MIDI numbers for each sixteenth, with a row
    of names first or none. What is wrong with it begins with `whose`.

    Raises:
        Mistake: there is no chord, or one is not four notes; it is named.
    """
    if not text.endswith(".csv"):
        chords = [part.split() for part in text.strip().strip(";").split(";")]
        return np.repeat(_as_chords(chords, f"{whose}chord"), QUARTER, axis=0)
    try:
        rows = read_bytes(str(Path(text).expanduser())).decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise Mistake(f"{whose}{text} is no text, but a row of four numbers a chord") from None
    cells = [[cell.strip() for cell in row.split(",")] for row in rows if row.strip()]
    names = bool(cells) and not any(map(_is_note, cells[0]))
    return _as_chords(cells[names:], f"{whose}{text}, row")


def _as_chords(chords: list[list[str]], whose: str) -> np.ndarray:
    for number, words in enumerate(chords, 1):
        here = f"{whose} {number}, {' '.join(words)!r}"
        if len(words) != len(VOICES):
            raise Mistake(
                f"{here}: {len(words)} notes; a chord is four, {', '.join(VOICES)}, such as "
                f"C5 G4 E4 C3, {REST} for silence"
            )
        if strange := [word for word in words if not _is_note(word)]:
            raise Mistake(
                f"{here}: {strange[0]!r} is no note; C4 is the middle C, C#4 and Db4 the note "
                f"above, 60 and 61 the same as MIDI numbers, {REST} silence"
            )
    if not chords:
        raise Mistake(f"{whose} 1 is not there: a chorale begins with one chord at least")
    return np.array([[parse_note(word) for word in words] for words in chords], np.int32)


def _is_note(word: str) -> bool:
    try:
        parse_note(word)
    except ValueError:
        return False
    return True


class Held(NamedTuple):
    """A note as it sounds.

    Attributes:
        number: MIDI number.
        start: sixteenths before it.
        length: sixteenths.
    """

    number: int
    start: int
    length: int


def held_notes(chords: np.ndarray) -> list[list[Held]]:
    """The notes of each voice in turn: one that the next chord repeats is held, not struck again.

    Chords are int `[chords, 4]`.
    """
    voices = []
    for line in np.asarray(chords).T:
        starts = np.flatnonzero(np.diff(line, prepend=-1)).tolist()
        ends = [*starts[1:], len(line)]
        spans = zip(starts, ends, strict=True)
        notes = [Held(int(line[start]), start, end - start) for start, end in spans]
        voices.append([note for note in notes if note.number != SILENCE])
    return voices
