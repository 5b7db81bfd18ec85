"""What can be chosen of recurrent character models, and the experiment made of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Literal, TypeAlias

from research.data.order import steps_per_epoch
from research.data.sequences import contiguous_rows, overlapping_rows, windows_in
from research.engine.experiment import Data, Experiment, Needs, Selection
from research.engine.hyperparameters import floats
from research.errors import Mistake
from research.optimization.supervised import Fitting
from research.options.ranges import AMOUNT, COUNT, DEPTH, out_of_range
from research.sequence.characters.character_net import CharacterNet
from research.sequence.characters.character_text import (
    Fed,
    TextConfig,
    known,
    read_texts,
    text_problems,
    text_sources,
)
from research.sequence.characters.language_model import make_language_model

CellName: TypeAlias = Literal["simple", "lstm", "gru", "normalised_lstm", "normalised_gru"]

STRETCHES = 16
"""Rows that a held-out text is read in, side by side, by a net that carries its state."""


@dataclass(frozen=True)
class CharacterConfig(TextConfig):
    """What can be chosen."""

    stateful: Annotated[bool, "carry the state from window to window"] = False
    epochs: Annotated[int, "passes over the training text"] = 10
    shift: Annotated[int, "stateless: characters between the starts of two windows"] = 1
    cell: Annotated[CellName, "kind of recurrent neuron"] = "gru"
    units: Annotated[int, "units of each recurrent layer"] = 128
    layers: Annotated[int, "recurrent layers"] = 2
    embedding: Annotated[int, "numbers that a character becomes; 0 for a unit vector"] = 0
    segment: Annotated[int, "keep states for the gradient so many steps apart; 0 keeps all"] = 0


def validate(config: CharacterConfig) -> list[str]:
    """What is out of range, a message each."""
    ranges = {"epochs": AMOUNT, "shift": COUNT, "units": COUNT, "layers": DEPTH}
    ranges |= {"embedding": AMOUNT, "segment": AMOUNT}
    problems = text_problems(config) + out_of_range(config, ranges)
    if config.segment > 0 and config.window % config.segment:
        problems.append(
            f"--segment must divide --window, {config.window}, or be 0, not {config.segment}"
        )
    return problems


def smoke(config: CharacterConfig) -> CharacterConfig:
    """A narrow net and few updates."""
    small = replace(
        config, epochs=1, window=20, segment=0, units=8, embedding=min(config.embedding, 4)
    )
    if config.stateful:
        return replace(small, batch_size=256)
    return replace(small, batch_size=64, shift=200)


def make(config: CharacterConfig, needs: Needs | None = None) -> Experiment:
    """A recurrent character model on the chosen text, its best checkpoint by validation loss."""
    fed = _read(config) if needs is None else known(needs, stateful=config.stateful)
    units = (config.units,) * config.layers
    return make_language_model(
        CharacterNet(len(fed.vocabulary), config.cell, units, config.embedding, config.segment),
        fed.data,
        floats(config),
        Fitting(config.epochs * fed.epoch, "adam", "cosine", groups=config.groups),
        batch_size=config.batch_size,
        window=config.window,
        windows=fed.windows,
        evaluate_every=max(1, fed.epoch),
        vocabulary=fed.vocabulary,
        selection=Selection("validation/loss", larger_is_better=False),
    )


def _read(config: CharacterConfig) -> Fed:
    texts = read_texts(config)
    train, window = texts.splits["train"], config.window
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
    sources = text_sources(config, texts, STRETCHES if config.stateful else None)
    data = Data(sources, rows, evaluation_batch_size=STRETCHES if config.stateful else 256)
    return Fed(texts.vocabulary, data, epoch, windows)
