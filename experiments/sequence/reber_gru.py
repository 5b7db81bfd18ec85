"""A GRU distinguishes strings of the embedded Reber grammar from those that break it by a letter.

The grammar's last letter but one repeats its second, ten or more letters earlier (Hochreiter and
Schmidhuber 1997, section 5.1; Géron's chapter 15, exercise 8). Half of the strings have one letter
replaced. 10,000 are for training, 2,000 each for validation and test; no string of these is among
those of training, so that they are half as long again. One layer of 30 units reads each string to
its end, padding masked.

Run: python launch.py run sequence/reber_gru
Expected: test accuracy 1.0000
Time: 15 s
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Self

from research.data.order import shuffled_rows, steps_per_epoch
from research.engine.experiment import Data, Experiment
from research.options.ranges import COUNT, POSITIVE, Range
from research.sequence.classification.binary_classification import (
    SequenceClassification,
    make_binary_classifier,
)
from research.sequence.classification.classifiers import RecurrentReader
from research.sequence.classification.reber import (
    CLASSES,
    LETTERS,
    LONGEST,
    SIZES,
    TAKES,
    make_strings,
    read_string,
)


@dataclass(frozen=True)
class ReberGRU(SequenceClassification):
    """Options."""

    batch_size: Annotated[int, "strings in one update", Range(1, SIZES["train"])] = 32
    embedding: Annotated[int, "numbers that a letter becomes", COUNT] = 5
    units: Annotated[int, "units of the GRU", COUNT] = 30
    gradient_norm: Annotated[float, "global norm that gradients are clipped to", POSITIVE] = 1.0

    def smoke(self) -> Self:
        """One pass in 20 updates of a narrow net."""
        return replace(self, epochs=1, batch_size=500, units=4)

    def make(self) -> Experiment:
        """A GRU that classifies strings."""
        return make_binary_classifier(
            self,
            RecurrentReader(
                1 + len(LETTERS),
                self.embedding,
                deviation=self.embedding**-0.5,
                cell="gru",
                units=(self.units,),
            ),
            Data(make_strings(), shuffled_rows(SIZES["train"], self.batch_size)),
            optimizer="adam",
            epoch=steps_per_epoch(SIZES["train"], self.batch_size),
            items="strings",
            classes=CLASSES,
            read=read_string,
            takes=TAKES,
            length=LONGEST,
        )


config = ReberGRU(epochs=20, learning_rate=1e-2)
