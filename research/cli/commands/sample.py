"""`sample`: a trained model writes a text or music, or draws images."""

from __future__ import annotations

from collections.abc import Sequence

from research.errors import Exit
from research.options.command import Command, Context, Outcome, parse
from research.runs.names import RUN
from research.runs.reported import open_reported
from research.sampling import KINDS, SampleOptions, refuse_others


def execute(tokens: Sequence[str], context: Context) -> Outcome:
    """Draw, and print or write what was drawn."""
    (run,), options = parse(COMMAND, tokens)
    lack = "draws nothing: it is no model that makes texts, music or images"
    found = open_reported(run, options, context, tuple(KINDS), lack)
    refuse_others(found, options)
    return KINDS[found.offered].load()(found, options, context)


COMMAND = Command(
    name="sample",
    summary="let a trained model write a text or music, or draw images",
    text="""Takes what a run reports, its newest checkpoint or the best where the experiment
    chooses, or the one that --checkpoint names, and lets it draw. What is drawn depends on --seed
    alone: the same command draws the same. Options say in their first word what kind of model they
    are for.

    A model of text reads the prompt and writes what follows, each character as it comes; its state
    is carried from character to character, on the device. --temperature divides the logits: 0 takes
    the likeliest character always, which soon repeats itself; 1 draws as the model believes.
    --top-k and --top-p leave out what is unlikely. A prompt with a character that the training text
    did not have is refused; where the model was trained on lower case, the prompt is made so.

    A model of chorales goes on from the chords of the prompt, and writes a MIDI file and, beside
    it, what that sounds like as a WAV file. Chords are four notes, soprano to bass, with ; between
    them, each a quarter note long: "C5 G4 E4 C3; D5 A4 F#4 D3", where C4 or 60 is the middle C and
    - is silence; or a CSV file with a row of four MIDI numbers for each sixteenth. A note that is
    repeated is held.

    A model of images (a variational autoencoder, an adversarial generator, a diffusion or a flow)
    draws a grid, a PNG file, each image as it would be measured. One that is given classes draws a
    row of each, or one class alone. A diffusion can go another number of steps than it was
    measured by, and follow the class more strongly.""",
    arguments=(RUN,),
    options=SampleOptions,
    examples=(
        ('sample char_rnn_stateful --prompt "To be"', "500 characters that go on from there"),
        ("sample 3f2a-s0 --length 5000 --top-p 0.9 --seed 7", "another text, and a longer one"),
        ('sample bach_chorales --prompt "C5 G4 E4 C3" --to mine.mid', "four bars, also mine.wav"),
        ("sample digits_vae --grid 12x4", "48 images, in the run's folder"),
        ("sample digits_diffusion --class 7 --guidance 3 --to sevens.png", "sevens alone"),
        ("sample digits_flow --steps 5", "how far a few steps go"),
    ),
    exits=(Exit.DAMAGED,),
    execute=execute,
)
