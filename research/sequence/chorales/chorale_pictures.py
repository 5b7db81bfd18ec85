"""What a report shows of a chorale: its piano roll, and its sound."""

from __future__ import annotations

import numpy as np

from research.engine.artifacts import Artifact, Images
from research.sequence.chorales.chords import QUARTER, Notes, held_notes, spell_note
from research.sequence.chorales.sound import synthesise

COLOURS = np.array([(0, 114, 178), (213, 94, 0), (0, 128, 94), (176, 85, 143)], np.uint8)
"""Of the voices, soprano to bass."""
PAPER, LINE = 247, 214
"""Grey levels."""
CELL = 5
"""Pixels of a sixteenth and of a semitone."""
BAR = 4 * QUARTER
RATE = 11_025
"""Samples a second of the sound: a page holds all of it."""


def draw_piano_roll(chords: np.ndarray, known: Notes, title: str) -> Images:
    """A picture of chords, int `[chords, 4]`: time to the right, pitch upwards, a colour a voice.

    It is as high as all notes that are `known`.
    """
    low, high = known
    roll = np.full((high - low + 1, len(chords), CELL, CELL, 3), PAPER, np.uint8)
    roll[[high - c for c in range(low, high + 1) if c % 12 == 0], :, -1] = LINE
    roll[:, ::BAR, :, 0] = LINE
    for colour, notes in zip(COLOURS, held_notes(chords), strict=True):
        for note in notes:
            cells = roll[high - note.number, note.start : note.start + note.length]
            cells[...] = colour
            cells[0, :, 0] = PAPER  # Where it is struck.
    picture = roll.transpose(0, 2, 1, 3, 4).reshape(1, len(roll) * CELL, -1, 3)
    words = (
        "Soprano blue, alto orange, tenor green, bass purple. To the right sixteenths, a line a "
        f"bar; upwards semitones from {spell_note(low)} to {spell_note(high)}, a line below each C."
    )
    return Images(title, picture, 0.0, 255.0, note=words)


def show_chorale(chords: np.ndarray, known: Notes) -> dict[str, Artifact]:
    """The artifacts of a chorale, int `[chords, 4]`."""
    return {
        "piano_roll": draw_piano_roll(chords, known, "What it composes"),
        "sound": synthesise(chords, RATE, "How that sounds"),
    }
