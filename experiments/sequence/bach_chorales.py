"""Bach's chorales, note after note: causal convolutions under a GRU predict which note comes next.

Chords of four notes, sixteenth after sixteenth, are one stream, soprano to bass; windows of 32
chords are learned from (Géron 2019, "Hands-On Machine Learning", 2nd edition, chapter 15, exercise
10). Beside the book's net a note's place is told, its voice and its sixteenth in the quarter, and
units are dropped, while the step size falls. Without these (--places false --dropout-rate 0
--schedule constant) the voices it composes cross ten times as often as Bach's, and after 8 passes
it learns by heart: test accuracy .808.
`accuracy` and `loss`, nats a note, are of windows as in the book; most notes are held, and
`held_accuracy` is that of the chord before as a prediction. `sample` composes, as MIDI and as
sound.

Run: python launch.py run sequence/bach_chorales
Expected: test accuracy .822 (G2 ch15: .8164), loss .604, chord loss 2.21
Time: 15 min on 2 cores
"""

from research.sequence.chorales.composition import ChoraleModel

config = ChoraleModel()
