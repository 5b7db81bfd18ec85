"""Chorales as they sound: MIDI read back by mido, and the spectrum of what is synthesised."""

from __future__ import annotations

import io

import mido
import numpy as np
import pytest

from research.sequence.chorales.chords import QUARTER
from research.sequence.chorales.sound import (
    ORGAN,
    SECONDS,
    TEMPO,
    TICKS,
    frequency_of,
    spell_midi,
    synthesise,
)

CHORDS = np.array(
    3 * [[72, 67, 64, 48]] + [[72, 67, 65, 50]] + 2 * [[0, 69, 65, 50]] + [[74, 69, 65, 0]]
)
RATE = 16_000


def chords_of(content):
    """What a MIDI file says that sounds in each sixteenth, and how often a note is struck."""
    song = mido.MidiFile(file=io.BytesIO(content))
    ticks, struck = song.ticks_per_beat // QUARTER, 0
    chords = np.zeros((round(song.length / SECONDS), 4), int)
    for voice, track in enumerate(song.tracks[1:]):
        now, began = 0, {}
        for message in track:
            now += message.time
            if message.type == "note_on":
                began[message.note], struck = now, struck + 1
                assert message.channel == voice
            elif message.type == "note_off":
                start = began.pop(message.note)
                assert start % ticks == 0 and now % ticks == 0
                chords[start // ticks : now // ticks, voice] += message.note
        assert not began
    return chords, struck


def test_a_midi_file_reads_back_as_the_same_chords_with_notes_held():
    chords, struck = chords_of(spell_midi(CHORDS))
    np.testing.assert_array_equal(chords, CHORDS)
    assert struck == 8, "two notes a voice: one that is repeated is held"


def test_a_midi_file_has_its_tempo_and_its_instrument():
    song = mido.MidiFile(file=io.BytesIO(spell_midi(CHORDS)))
    assert song.type == 1 and song.ticks_per_beat == TICKS and len(song.tracks) == 5
    messages = [message for track in song.tracks for message in track]
    tempo = [mido.tempo2bpm(each.tempo) for each in messages if each.type == "set_tempo"]
    assert tempo == [TEMPO]
    programs = [each.program for each in messages if each.type == "program_change"]
    assert programs == 4 * [ORGAN]
    assert song.length == pytest.approx(len(CHORDS) * SECONDS)


def test_silence_is_a_file_of_its_length():
    silent = np.zeros((8, 4), int)
    assert mido.MidiFile(file=io.BytesIO(spell_midi(silent))).length == pytest.approx(8 * SECONDS)
    assert not synthesise(silent, RATE, "s").samples.any()


def test_frequencies_are_those_of_equal_temperament():
    assert frequency_of(69) == 440 and frequency_of(57) == 220
    assert frequency_of(60) == pytest.approx(261.6256, abs=1e-4)


def peaks_of(samples, count):
    """The strongest frequencies of a sound, in Hertz; each is the top of a hill."""
    windowed = samples * np.hanning(len(samples))
    strength = np.abs(np.fft.rfft(windowed, 8 * len(samples)))
    tops = np.flatnonzero((strength[1:-1] > strength[:-2]) & (strength[1:-1] > strength[2:])) + 1
    best = tops[np.argsort(-strength[tops])][:count]
    return sorted(best * RATE / (8 * len(samples)))


@pytest.mark.parametrize("chord", [[72, 67, 64, 47], [81, 74, 69, 36]])
def test_the_spectrum_has_its_peaks_at_the_notes(chord):
    sound = synthesise(np.array(32 * [chord]), RATE, "s")
    assert sound.samples.dtype == np.int16 and sound.rate == RATE
    found = peaks_of(sound.samples, 4)
    expected = sorted(map(frequency_of, chord))
    np.testing.assert_allclose(found, expected, rtol=2e-3)
    others = sorted(map(frequency_of, np.array(chord) + 1))
    assert not np.allclose(found, others, rtol=2e-3), "a semitone is told from the next"


def test_a_held_note_is_not_struck_again():
    """A note is as loud all along; one that changes has a dip where the other begins."""

    def quietest(chords):
        samples = synthesise(np.array(chords), RATE, "s").samples.astype(float)
        inner = samples[RATE // 10 : round(len(chords) * SECONDS * RATE) - RATE // 10]
        pieces = inner[: len(inner) // 160 * 160].reshape(-1, 160)
        loud = np.sqrt(np.mean(pieces**2, axis=1))
        return loud.min() / loud.max()

    assert quietest(8 * [[69, 0, 0, 0]]) > 0.9
    again = [[69, 0, 0, 0]] * 4 + [[0, 0, 0, 0]] + [[69, 0, 0, 0]] * 4
    assert quietest(again) < 0.3


def test_nothing_is_louder_than_a_file_can_hold():
    samples = synthesise(np.full((4, 4), 60), RATE, "s").samples
    assert 29_000 < np.abs(samples.astype(int)).max() <= 0.9 * 32767 + 1
