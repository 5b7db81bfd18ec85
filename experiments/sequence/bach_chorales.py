"""Bach's chorales, note after note: causal convolutions under a GRU predict which note comes next.

Chords of four notes, sixteenth after sixteenth, are one stream, soprano to bass; windows of 32
chords are learned from (Géron 2019, "Hands-On Machine Learning", 2nd edition, chapter 15, exercise
10). `accuracy` and `loss`, nats a note, are of windows as in the book; `whole` are the same test
chorales from beginning to end. Most notes are held: `held_accuracy` is that of the chord before as
a prediction. `sample` composes, as MIDI and as sound.

Run: python launch.py run sequence/bach_chorales
Expected: test accuracy about .82 (G2 ch15: .8164)
Time: 10 min on 2 cores
"""

from research.sequence.chorales.composition import ChoraleModel

config = ChoraleModel()
