"""What `sample` does with a model of chorales: it goes on from chords, as MIDI and as sound."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING

from research.errors import Mistake
from research.options.command import Context, Outcome
from research.options.terminal import Column, print_table
from research.runs.reported import Reported
from research.sampling import SampleOptions

if TYPE_CHECKING:
    import numpy as np

MIDI, WAV = ".mid", ".wav"
RATE = 44_100
"""Samples a second of the WAV file."""


def write_chorale(found: Reported, options: SampleOptions, context: Context) -> Outcome:
    """Compose with a model of chorales, write the music, and print its chords."""
    midi = _midi_file(options.to, found.run)
    import jax
    import numpy as np

    from research.engine import keys
    from research.engine.durable import write_file
    from research.report.sounds import spell_wav
    from research.sequence.characters.writing import Sampling, write
    from research.sequence.chorales.chords import VOICES, read_prompt
    from research.sequence.chorales.composition import LENGTH, TEMPERATURE
    from research.sequence.chorales.sound import spell_midi, synthesise

    writer, openings = found.offer
    opening_key, key = jax.random.split(keys.stream(options.seed, "sample"))
    if options.prompt is None:
        opening = np.asarray(jax.random.choice(opening_key, openings))[None]
    else:
        opening = read_prompt(options.prompt)
    prompt = writer.vocabulary.encode(opening, "--prompt")
    temperature = TEMPERATURE if options.temperature is None else options.temperature
    sampling = Sampling(temperature, options.top_k or 0, options.top_p or 1.0)
    count = len(VOICES) * (options.length or LENGTH)
    parts = [*write(writer, found.state, prompt[None], count, sampling, key)]
    chords = np.concatenate([opening, writer.vocabulary.decode(np.concatenate(parts, axis=1))])
    write_file(midi, spell_midi(chords))
    wav = midi.with_suffix(WAV)
    write_file(wav, spell_wav(synthesise(chords, RATE, midi.stem)))
    print(f"{found.name}, step {found.step:,}; drawn by seed {options.seed}", file=context.human)
    _print_chords(chords, len(opening), context)
    print(f"music: {midi} and {wav}", file=context.human)
    facts = {
        **found.facts,
        "seed": options.seed,
        "temperature": temperature,
        "prompt": opening.tolist(),
        "chords": chords.tolist(),
        "midi": str(midi),
        "wav": str(wav),
    }
    return Outcome(facts)


def _midi_file(text: str, run: Path) -> Path:
    """The MIDI file that `--to` names, by itself or by the WAV file beside it."""
    path = Path(text) if text else run / f"chorale{MIDI}"
    if path.suffix.lower() not in (MIDI, WAV):
        raise Mistake(f"sample: --to {text}: music is written as FILE{MIDI} and FILE{WAV}")
    if not path.parent.is_dir():
        raise Mistake(f"sample: --to {text}: there is no folder {path.parent}")
    return path.with_suffix(MIDI)


def _print_chords(chords: np.ndarray, given: int, context: Context) -> None:
    """A row for each chord, which lasts until the next one; those of the prompt are marked."""
    from research.sequence.chorales.chords import QUARTER, spell_chord

    rows, start = [], 0
    for (chord, is_given), same in itertools.groupby(
        (spell_chord(chord), place < given) for place, chord in enumerate(chords)
    ):
        length = len(list(same))
        rows.append((f"{start / QUARTER:g}", chord, str(length), "prompt" if is_given else ""))
        start += length
    beats, words, lengths, marks = zip(*rows, strict=True)
    columns = [
        Column("quarters", beats, right=True),
        Column("soprano to bass", words),
        Column("sixteenths", lengths, right=True),
        Column("", marks),
    ]
    print_table(columns, context.human)
