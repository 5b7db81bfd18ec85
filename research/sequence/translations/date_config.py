"""What can be chosen where dates are translated, and the experiment made of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated

from research.data.order import shuffled_rows, steps_per_epoch
from research.engine.experiment import Data, Experiment, Needs
from research.engine.hyperparameters import floats
from research.optimization.supervised import Fitting
from research.options.ranges import AMOUNT, COUNT, POSITIVE, Range, out_of_range, undivided
from research.sequence.translations.dates import SIZES, make_dates
from research.sequence.translations.encoder_decoder import AttentionName, EncoderDecoder
from research.sequence.translations.pairs import pair_from
from research.sequence.translations.translation import make_translation
from research.sequence.translations.translation_pictures import make_pictures


@dataclass(frozen=True)
class DateConfig:
    """What can be chosen."""

    epochs: Annotated[int, "passes over the training dates"] = 10
    batch_size: Annotated[int, "dates in one update"] = 32
    groups: Annotated[int, "equal parts of a batch, which devices can share"] = 1
    embedding: Annotated[int, "numbers that a character becomes"] = 32
    units: Annotated[int, "units of each of the two layers"] = 128
    learning_rate: Annotated[float, "Adam's step size at the start, falling by cosine"] = 2e-3
    gradient_norm: Annotated[float, "global norm that gradients are clipped to"] = 1.0


def validate(config: DateConfig) -> list[str]:
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


def smoke(config: DateConfig) -> DateConfig:
    """One pass in 20 updates of a narrow net."""
    return replace(config, epochs=1, batch_size=500, embedding=4, units=8)


def make_date_translation(
    config: DateConfig, attention: AttentionName, needs: Needs | None
) -> Experiment:
    """LSTMs that read and write dates.

    Args:
        config: what was chosen.
        attention: of the one that writes.
        needs: what a run kept, to use a state of it.
    """
    data = None
    if needs is None:
        pair, sources = make_dates()
        data = Data(sources, shuffled_rows(SIZES["train"], config.batch_size))
    else:
        pair = pair_from(needs)
    epoch = steps_per_epoch(SIZES["train"], config.batch_size)
    net = EncoderDecoder(
        len(pair.source), len(pair.target), config.embedding, config.units, attention=attention
    )
    return make_translation(
        net,
        pair,
        data,
        floats(config),
        Fitting(config.epochs * epoch, "adam", "cosine", groups=config.groups),
        batch_size=config.batch_size,
        evaluate_every=max(1, epoch),
        written=True,
        artifacts=make_pictures,
    )
