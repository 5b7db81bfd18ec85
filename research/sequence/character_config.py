"""What can be chosen of character models, and the experiment made of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Literal, NamedTuple, TypeAlias

import numpy as np

from research.data.arrays import ArraySource
from research.data.order import steps_per_epoch
from research.data.sequences import (
    contiguous_rows,
    overlapping_rows,
    split_by_time,
    windows_in,
)
from research.data.texts import read_text
from research.data.vocabulary import Vocabulary, vocabulary_of
from research.engine.experiment import Data, Experiment
from research.engine.hyperparameters import floats
from research.errors import Mistake
from research.optimization.supervised import Fitting
from research.ranges import AMOUNT, COUNT, FRACTION, POSITIVE, out_of_range, undivided
from research.sequence.character_net import CharacterNet
from research.sequence.language_model import make_language_model

CellName: TypeAlias = Literal["simple", "lstm", "gru", "normalised_lstm", "normalised_gru"]
Cut: TypeAlias = Literal["gaps", "published"]
"""Where a text is cut into splits: with gaps as long as a window between them, or as published."""

SHARES = {"train": 0.9, "validation": 0.05, "test": 0.05}
ROWS = 16
"""Stretches that a held-out text is read in, side by side, by a net that carries its state."""


@dataclass(frozen=True)
class CharacterConfig:
    """What can be chosen."""

    text: Annotated[str, "a tfds data set; encore_python_reference needs no network"] = (
        "encore_python_reference"
    )
    cut: Annotated[Cut, "splits with gaps between them, or those of the data set"] = "gaps"
    lower: Annotated[bool, "make the text lower-case"] = True
    stateful: Annotated[bool, "carry the state from window to window"] = False
    epochs: Annotated[int, "passes over the training text"] = 10
    batch_size: Annotated[int, "windows in one update"] = 32
    groups: Annotated[int, "equal parts of a batch, which devices can share"] = 1
    window: Annotated[int, "characters in a window, through which gradients flow"] = 100
    shift: Annotated[int, "stateless: characters between the starts of two windows"] = 1
    cell: Annotated[CellName, "kind of recurrent neuron"] = "gru"
    units: Annotated[int, "units of each recurrent layer"] = 128
    layers: Annotated[int, "recurrent layers"] = 2
    embedding: Annotated[int, "numbers that a character becomes; 0 for a unit vector"] = 0
    learning_rate: Annotated[float, "Adam's step size at the start, falling by cosine"] = 2e-3
    gradient_norm: Annotated[float, "global norm that gradients are clipped to"] = 1.0
    dropout_rate: Annotated[float, "share dropped of what a layer gives the next"] = 0.0


class Texts(NamedTuple):
    """A text in numbers.

    Attributes:
        vocabulary: of all of it.
        splits: name -> uint16 `[characters]`.
    """

    vocabulary: Vocabulary
    splits: dict[str, np.ndarray]


def validate(config: CharacterConfig) -> list[str]:
    """What is out of range, a message each."""
    problems = out_of_range(
        config,
        {
            "epochs": AMOUNT,
            "batch_size": COUNT,
            "groups": COUNT,
            "window": COUNT,
            "shift": COUNT,
            "units": COUNT,
            "layers": COUNT,
            "embedding": AMOUNT,
            "learning_rate": POSITIVE,
            "gradient_norm": POSITIVE,
            "dropout_rate": FRACTION,
        },
    )
    return problems + undivided("groups", config, "batch_size")


def smoke(config: CharacterConfig) -> CharacterConfig:
    """A narrow net and few updates."""
    small = replace(config, epochs=1, window=20, units=8)
    if config.stateful:
        return replace(small, batch_size=256)
    return replace(small, batch_size=64, shift=200)


def read_texts(config: CharacterConfig) -> Texts:
    """The chosen text, cut as chosen.

    Raises:
        Mistake: it is not prepared, not UTF-8, has no published splits, or is too short.
    """
    if config.cut == "published":
        parts = {split: read_text(config.text, split) for split in SHARES}
        vocabulary = vocabulary_of("".join(parts.values()), config.lower)
        return Texts(vocabulary, {name: vocabulary.encode(part) for name, part in parts.items()})
    text = read_text(config.text)
    vocabulary = vocabulary_of(text, config.lower)
    numbers = vocabulary.encode(text)
    spans = split_by_time(len(numbers), SHARES, gap=config.window + 1)
    return Texts(vocabulary, {name: numbers[slice(*span)] for name, span in spans.items()})


def make(config: CharacterConfig) -> Experiment:
    """A character model on the chosen text."""
    vocabulary, splits = read_texts(config)
    train, window = splits["train"], config.window
    windows: int | None = None
    if config.stateful:
        windows, rows = contiguous_rows(len(train), window, config.batch_size)
        epoch = windows
    else:
        count = windows_in(len(train), window + 1, config.shift, "the training text")
        if count < config.batch_size:
            raise Mistake(
                f"the training text has {count} windows of {window + 1} characters, fewer than "
                f"--batch-size {config.batch_size}"
            )
        epoch = steps_per_epoch(count, config.batch_size)
        rows = overlapping_rows(len(train), window + 1, config.batch_size, config.shift)
    sources = {
        name: ArraySource(
            f"{config.text}, {len(part):,} characters of {len(vocabulary)} kinds ({name})",
            {"symbol": part if name == "train" else held_out(part, config, name)},
        )
        for name, part in splits.items()
    }
    return make_language_model(
        CharacterNet(
            len(vocabulary), config.cell, (config.units,) * config.layers, config.embedding
        ),
        Data(sources, rows, evaluation_batch_size=ROWS if config.stateful else 256),
        floats(config),
        Fitting(config.epochs * epoch, "adam", "cosine", groups=config.groups),
        batch_size=config.batch_size,
        window=window,
        windows=windows,
        evaluate_every=max(1, epoch),
    )


def held_out(part: np.ndarray, config: CharacterConfig, name: str) -> np.ndarray:
    """A held-out text as rows to be read from their beginnings, each with its last target.

    For a net that carries its state `ROWS` long ones, otherwise one a window.

    Raises:
        Mistake: it is shorter than a row.
    """
    length = (len(part) - 1) // ROWS if config.stateful else config.window
    count = windows_in(len(part) - 1, max(length, 1), max(length, 1), f"the {name} text")
    position = length * np.arange(count)[:, None] + np.arange(length + 1)
    return part[position]
