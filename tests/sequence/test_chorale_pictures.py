"""The piano roll: each note at its pitch and time, in the colour of its voice."""

from __future__ import annotations

import numpy as np

from research.sequence.chorales.chorale_pictures import CELL, COLOURS, PAPER, draw_piano_roll
from research.sequence.chorales.chords import Notes


def test_each_note_is_drawn_where_it_sounds_and_nothing_else_is():
    chords = np.array([[72, 67, 64, 0], [72, 67, 64, 48], [74, 67, 64, 48]])
    drawn = draw_piano_roll(chords, Notes(36, 81), "t")
    assert drawn.images.shape == (1, 46 * CELL, 3 * CELL, 3) and drawn.title == "t"
    middles = drawn.images[0, CELL // 2 :: CELL, CELL // 2 :: CELL]
    for row, number in enumerate(range(81, 35, -1)):
        for time, chord in enumerate(chords):
            voices = [voice for voice, note in enumerate(chord) if note == number]
            expected = COLOURS[voices[0]] if voices else np.uint8([PAPER] * 3)
            np.testing.assert_array_equal(middles[row, time], expected)


def test_a_note_that_is_struck_anew_begins_with_a_gap_and_one_that_is_held_has_none():
    def row(chords):
        return draw_piano_roll(np.array(chords), Notes(60, 60), "t").images[0, CELL // 2]

    held = row(3 * [[60, 0, 0, 0]])
    assert (held[1:] == COLOURS[0]).all() and (held[0] == PAPER).all()
    anew = row([[60, 0, 0, 0], [0, 60, 0, 0], [60, 0, 0, 0]])
    assert (anew[2 * CELL] == PAPER).all() and (anew[2 * CELL + 1 :] == COLOURS[0]).all()
