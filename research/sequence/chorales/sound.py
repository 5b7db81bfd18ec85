"""Chorales as they sound: MIDI files, and samples by additive synthesis.

A note that the next chord repeats is held, not struck again.
"""

from __future__ import annotations

import io

import numpy as np

from research.engine.artifacts import Sound
from research.sequence.chorales.chords import QUARTER, VOICES, held_notes

TEMPO = 80
"""Quarter notes a minute."""
SECONDS = 60 / TEMPO / QUARTER
"""Of a chord."""
TICKS = 480
"""Of a MIDI file, in a quarter note."""
ORGAN = 19
"""The church organ of General MIDI, counted from 0: it holds a note as loud as it began."""
LOUDNESS = 80
"""With which notes are struck, of 127."""

PARTIALS = 6
"""Of a note's sound: its frequency and multiples of it, the k-th of strength k**-1.5."""
ATTACK, RELEASE = 0.02, 0.08
"""Seconds in which a note begins, and in which it dies away after its end."""


def spell_midi(chords: np.ndarray) -> bytes:
    """Chords, int `[chords, 4]`, as a MIDI file: a track of the tempo, and one for each voice."""
    from mido import Message, MetaMessage, MidiFile, MidiTrack, bpm2tempo

    song = MidiFile(type=1, ticks_per_beat=TICKS)
    song.tracks.append(MidiTrack([MetaMessage("set_tempo", tempo=bpm2tempo(TEMPO))]))
    chord = TICKS // QUARTER
    for channel, (voice, notes) in enumerate(zip(VOICES, held_notes(chords), strict=True)):
        track = MidiTrack([MetaMessage("track_name", name=voice)])
        track.append(Message("program_change", channel=channel, program=ORGAN))
        end = 0
        for note in notes:
            common = {"channel": channel, "note": note.number, "velocity": LOUDNESS}
            track.append(Message("note_on", time=chord * (note.start - end), **common))
            track.append(Message("note_off", time=chord * note.length, **common))
            end = note.start + note.length
        track.append(MetaMessage("end_of_track", time=chord * (len(chords) - end)))
        song.tracks.append(track)
    file = io.BytesIO()
    song.save(file=file)
    return file.getvalue()


def frequency_of(number: int) -> float:
    """Hertz of a MIDI number in equal temperament: 440 for A4, 69."""
    return 440.0 * 2.0 ** ((number - 69) / 12)


def synthesise(chords: np.ndarray, rate: int, title: str) -> Sound:
    """Chords, int `[chords, 4]`, as they sound, each note a sum of sines (additive synthesis)."""
    tail = round(RELEASE * rate)
    whole = np.zeros(round(len(chords) * SECONDS * rate) + tail)
    for note in (note for notes in held_notes(chords) for note in notes):
        start = round(note.start * SECONDS * rate)
        end = round((note.start + note.length) * SECONDS * rate)
        time = np.arange(end - start + tail) / rate
        frequency = frequency_of(note.number)
        heard = [k for k in range(1, PARTIALS + 1) if k * frequency < rate / 2]
        tone = sum(k**-1.5 * np.sin(2 * np.pi * k * frequency * time) for k in heard)
        held = (end - start) / rate
        envelope = np.interp(time, (0.0, ATTACK, held, held + RELEASE), (0.0, 1.0, 1.0, 0.0))
        whole[start : start + len(time)] += tone * envelope
    loudest = np.abs(whole).max() or 1.0
    return Sound(title, np.rint(0.9 * 32767 / loudest * whole).astype(np.int16), rate)
