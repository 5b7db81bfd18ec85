"""Bach's chorales, note after note: causal convolutions under a GRU predict which note comes next.

Chords of four notes, sixteenth after sixteenth, are one stream, soprano to bass; windows of 32
chords are learned from (Géron 2019, "Hands-On Machine Learning", 2nd edition, chapter 15, exercise
10). Unlike the book's net it is given a note's voice and its sixteenth in the quarter, has dropout,
and its step size falls. In one run of the net without all three (now `--places false --dropout-rate
0 --schedule constant`), test accuracy was .808, and voices crossed ten times as often as Bach's;
what each of them does was not measured.

`accuracy` and `loss`, nats a note, are of windows as in the book; most notes are held, and
`held_accuracy` is that of the chord before as a prediction. `sample` composes, as MIDI and as
sound.

Run: python launch.py run sequence/bach_chorales
Expected: test accuracy .822 (G2 ch15: .8164), loss .604, chord loss 2.21
Time: 15 min on 2 cores
"""

from research.sequence.chorales.composition import ChoraleModel

config = ChoraleModel()
