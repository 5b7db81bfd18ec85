"""A GRU tells strings of the embedded Reber grammar from those that break it by one letter.

The grammar's last letter but one repeats its second, ten or more letters earlier (Hochreiter and
Schmidhuber 1997, section 5.1; Géron's chapter 15, exercise 8). Half of the strings have one letter
replaced. 10,000 are for training, 2,000 each for validation and test; no string of these is among
those of training, so that they are half as long again. One layer of 30 units reads each string to
its end, padding masked.

Run: python launch.py run sequence/reber_gru
Expected: test accuracy .9998
Time: 15 s
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated

from research.data.order import shuffled_rows, steps_per_epoch
from research.engine.experiment import Data, Experiment
from research.engine.hyperparameters import floats
from research.optimization.supervised import Fitting
from research.options.ranges import AMOUNT, COUNT, POSITIVE, Range, out_of_range, undivided
from research.sequence.judgement.judges import RecurrentReader
from research.sequence.judgement.judging import make_judging
from research.sequence.judgement.reber import LETTERS, SIZES, make_strings


@dataclass(frozen=True)
class Config:
    """What can be chosen."""

    epochs: Annotated[int, "passes over the training strings"] = 20
    batch_size: Annotated[int, "strings in one update"] = 32
    groups: Annotated[int, "equal parts of a batch, which devices can share"] = 1
    embedding: Annotated[int, "numbers that a letter becomes"] = 5
    units: Annotated[int, "units of the GRU"] = 30
    learning_rate: Annotated[float, "Adam's step size at the start, falling by cosine"] = 1e-2
    gradient_norm: Annotated[float, "global norm that gradients are clipped to"] = 1.0


def validate(config: Config) -> list[str]:
    """What is out of range, a message each."""
    ranges = {
        "epochs": AMOUNT,
        "batch_size": Range(1, SIZES["train"]),
        "groups": COUNT,
        "embedding": COUNT,
        "units": COUNT,
        "learning_rate": POSITIVE,
        "gradient_norm": POSITIVE,
    }
    return out_of_range(config, ranges) + undivided("groups", config, "batch_size")


def smoke(config: Config) -> Config:
    """One pass in 20 updates of a narrow net."""
    return replace(config, epochs=1, batch_size=500, units=4)


def make(config: Config) -> Experiment:
    """A GRU that judges strings."""
    epoch = steps_per_epoch(SIZES["train"], config.batch_size)
    return make_judging(
        RecurrentReader(
            1 + len(LETTERS),
            config.embedding,
            deviation=config.embedding**-0.5,
            cell="gru",
            units=(config.units,),
        ),
        Data(make_strings(), shuffled_rows(SIZES["train"], config.batch_size)),
        floats(config),
        Fitting(config.epochs * epoch, "adam", "cosine", groups=config.groups),
        batch_size=config.batch_size,
        evaluate_every=max(1, epoch),
        items="strings",
    )
