"""What can be chosen of character transformers, and the experiment made of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated

from research.data.sequences import overlapping_rows
from research.engine.experiment import Data, Experiment, Needs, Selection
from research.engine.hyperparameters import floats
from research.optimization.policy import PolicyName
from research.optimization.supervised import Fitting
from research.options.ranges import AMOUNT, COUNT, DEPTH, FRACTION, out_of_range
from research.sequence.characters.character_text import (
    Fed,
    TextConfig,
    known,
    read_texts,
    text_problems,
    text_sources,
)
from research.sequence.characters.language_model import make_language_model
from research.sequence.transformer import CharacterTransformer


@dataclass(frozen=True)
class TransformerConfig(TextConfig):
    """What can be chosen."""

    lower: Annotated[bool, "make the text lower-case"] = False
    steps: Annotated[int, "updates, each of windows drawn without replacement"] = 2000
    warmup_steps: Annotated[int, "updates in which the step size rises to its highest"] = 100
    layers: Annotated[int, "blocks of attention and dense layers"] = 4
    features: Annotated[int, "of every layer"] = 128
    heads: Annotated[int, "of every attention"] = 4
    weight_decay: Annotated[float, "AdamW's, of every matrix"] = 0.1
    second_moment_decay: Annotated[float, "of AdamW's mean of squared gradients"] = 0.99
    policy: Annotated[PolicyName, "what is computed in"] = "float32"


def validate(config: TransformerConfig) -> list[str]:
    """What is out of range, a message each."""
    problems = text_problems(config) + out_of_range(
        config,
        {
            "steps": AMOUNT,
            "warmup_steps": AMOUNT,
            "layers": DEPTH,
            "features": COUNT,
            "heads": COUNT,
            "weight_decay": AMOUNT,
            "second_moment_decay": FRACTION,
        },
    )
    if config.heads >= 1 and config.features % (2 * config.heads):
        problems.append(
            f"--features must be a multiple of twice --heads, {2 * config.heads}, for pairs of "
            f"coordinates are rotated; not {config.features}"
        )
    if 0 < config.steps < config.warmup_steps:
        problems.append(
            f"--warmup-steps must be at most --steps, {config.steps}, not {config.warmup_steps}"
        )
    return problems


def smoke(config: TransformerConfig) -> TransformerConfig:
    """A narrow net and a few updates."""
    small = replace(config, steps=min(config.steps, 60), warmup_steps=10, layers=2, window=16)
    return replace(small, features=16, heads=2, batch_size=8)


def make(config: TransformerConfig, needs: Needs | None = None) -> Experiment:
    """A transformer on the chosen text, its best checkpoint by validation loss."""
    fed = _read(config) if needs is None else known(needs, stateful=False)
    net = CharacterTransformer(
        len(fed.vocabulary), config.layers, config.features, config.heads, config.window
    )
    return make_language_model(
        net,
        fed.data,
        floats(config),
        Fitting(
            config.steps,
            "adamw",
            "warmup_cosine",
            min(config.warmup_steps, config.steps),
            config.policy,
            config.groups,
        ),
        batch_size=config.batch_size,
        window=config.window,
        windows=fed.windows,
        evaluate_every=max(1, config.steps // 8),
        vocabulary=fed.vocabulary,
        selection=Selection("validation/loss", larger_is_better=False),
    )


def _read(config: TransformerConfig) -> Fed:
    texts = read_texts(config)
    length = len(texts.splits["train"])
    rows = overlapping_rows(length, config.window + 1, config.batch_size)
    data = Data(text_sources(config, texts), rows, evaluation_batch_size=64)
    return Fed(texts.vocabulary, data, 0, None)
