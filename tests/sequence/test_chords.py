"""Chords: their tokens, their spelling, and which of them are held."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from research.errors import Mistake
from research.sequence.chorales.chords import (
    Notes,
    held_notes,
    parse_note,
    read_prompt,
    spell_chord,
    spell_note,
)

NOTES = Notes(36, 81)
CHORDS = arrays.arrays(
    np.int32,
    st.tuples(st.integers(1, 12), st.just(4)),
    elements=st.sampled_from([0, 36, 37, 60, 81]),
)


@given(CHORDS)
def test_tokens_come_back_as_the_chords_that_they_were(chords):
    tokens = NOTES.encode(chords, "it")
    assert tokens.dtype == np.uint8 and tokens.shape == (chords.size,)
    np.testing.assert_array_equal(NOTES.decode(tokens), chords)
    assert tokens.max() < len(NOTES) == 47
    np.testing.assert_array_equal(tokens == 0, chords.reshape(-1) == 0)


@pytest.mark.parametrize("number", [35, 82])
def test_a_note_out_of_reach_is_refused_and_its_chord_named(number):
    chords = np.array([[60, 60, 60, 60], [60, 60, number, 60]])
    with pytest.raises(Mistake, match=r"tenor of chord 2, C4 C4 .* knows C2 to A5"):
        NOTES.encode(chords, "--prompt")


def test_notes_are_spelled_as_musicians_do():
    known = {"C4": 60, "A4": 69, "C#5": 73, "Db5": 73, "B3": 59, "Cb4": 59, "-": 0, "a5": 81}
    assert {word: parse_note(word) for word in known} == known
    assert [parse_note(spell_note(number)) for number in range(128)] == [*range(128)]
    assert [parse_note(str(number)) for number in range(128)] == [*range(128)]


@pytest.mark.parametrize("word", ["H4", "C", "C##4", "128", "", "C-1", "G#9", "-1", "sol", "4"[:0]])
def test_what_is_no_note_is_refused(word):
    with pytest.raises(ValueError):
        parse_note(word)


def test_a_chord_in_words_is_a_quarter_note_long():
    chords = read_prompt("C5 G4 E4 C3; 74 69 - D3;")
    assert chords.tolist() == 4 * [[72, 67, 64, 48]] + 4 * [[74, 69, 0, 50]]
    assert spell_chord(chords[-1]) == "D5 A4 - D3"


@pytest.mark.parametrize("names", ["", "note0,note1,note2,note3\n"])
def test_a_file_has_a_row_for_each_sixteenth(tmp_path, names):
    path = tmp_path / "own.csv"
    path.write_text(f"{names}74,70,65,58\n75, 70, 58, 0\n")
    assert read_prompt(str(path)).tolist() == [[74, 70, 65, 58], [75, 70, 58, 0]]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("C5 G4 E4 C3; D5 A4 F4", "chord 2, 'D5 A4 F4': 3 notes; a chord is four, soprano"),
        ("C5 G4 E4 C3; D5 A4 F4 X3", "chord 2, 'D5 A4 F4 X3': 'X3' is no note"),
        (" ; ", "chord 1, '': 0 notes"),
        ("C5 G4 E4 C3;; C5 G4 E4 C3", "chord 2, '': 0 notes"),
        ("missing.csv", "missing.csv cannot be read"),
    ],
)
def test_a_wrong_prompt_is_refused_and_its_chord_named(text, says):
    with pytest.raises(Mistake, match=says):
        read_prompt(text)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"74,70,65,58\n75,70,58\n", "own.csv, row 2, '75 70 58': 3 notes"),
        (b"74,70,65,58\n75,70,58,x\n", "own.csv, row 2, .*'x' is no note"),
        (b"note0,note1,note2,note3\n", "own.csv, row 1 is not there"),
        (b"\xff\xfe\x00", "is no text"),
    ],
)
def test_a_wrong_file_is_refused_and_its_row_named(tmp_path, content, says):
    path = tmp_path / "own.csv"
    path.write_bytes(content)
    with pytest.raises(Mistake, match=says):
        read_prompt(str(path))


@given(CHORDS)
def test_held_notes_are_what_sounds_and_no_two_of_a_voice_that_touch_are_alike(chords):
    voices = held_notes(chords)
    sounding = np.zeros_like(chords)
    for voice, notes in enumerate(voices):
        for note in notes:
            assert note.length > 0
            sounding[note.start : note.start + note.length, voice] += note.number
        for one, other in itertools.pairwise(notes):
            assert one.start + one.length < other.start or one.number != other.number
    np.testing.assert_array_equal(sounding, chords)
