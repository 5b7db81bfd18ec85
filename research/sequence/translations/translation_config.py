"""What can be chosen where sentences are translated, and the experiment made of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Annotated

from research.data.order import shuffled_rows, steps_per_epoch
from research.engine.experiment import Data, Experiment, Needs
from research.engine.hyperparameters import floats
from research.optimization.schedules import ScheduleName
from research.optimization.supervised import Fitting
from research.options.ranges import (
    AMOUNT,
    COUNT,
    FRACTION,
    POSITIVE,
    Range,
    out_of_range,
    undivided,
)
from research.sequence.translations.encoder_decoder import AttentionName, EncoderDecoder
from research.sequence.translations.pairs import Pair, pair_from
from research.sequence.translations.sentences import SentenceConfig, read_sentences
from research.sequence.translations.transformer_translator import TransformerTranslator
from research.sequence.translations.translation import make_translation
from research.sequence.translations.translation_pictures import make_pictures
from research.sequence.translations.translation_scores import make_measure
from research.sequence.translations.translator import Net

SCORED = 1_000
"""Validation sentences that BLEU and chrF are measured on."""

PAIRS = 118_964
"""Pairs in the data set."""


@dataclass(frozen=True)
class TranslationConfig(SentenceConfig):
    """What can be chosen, whatever the net."""

    epochs: Annotated[int, "passes over the training pairs"] = 2
    batch_size: Annotated[int, "pairs in one update"] = 128
    groups: Annotated[int, "equal parts of a batch, which devices can share"] = 1
    learning_rate: Annotated[float, "Adam's step size at its highest, falling by cosine"] = 2e-3
    gradient_norm: Annotated[float, "global norm that gradients are clipped to"] = 1.0


@dataclass(frozen=True)
class RecurrentTranslationConfig(TranslationConfig):
    """What can be chosen of recurrent nets."""

    embedding: Annotated[int, "numbers that a word becomes"] = 128
    units: Annotated[int, "units of each of the two layers (the book: 512)"] = 256


@dataclass(frozen=True)
class TransformerTranslationConfig(TranslationConfig):
    """What can be chosen of a transformer."""

    features: Annotated[int, "numbers that a word becomes, and units of every layer"] = 128
    heads: Annotated[int, "of every attention"] = 8
    hidden: Annotated[int, "units of the first of a block's two dense layers"] = 128
    blocks: Annotated[int, "that read, and that write"] = 2
    warmup_steps: Annotated[int, "updates in which the step size rises"] = 100
    dropout_rate: Annotated[float, "share dropped of what each part adds"] = 0.1


def validate(config: TranslationConfig) -> list[str]:
    """What is out of range, a message each."""
    ranges = {
        "epochs": AMOUNT,
        "batch_size": COUNT,
        "groups": COUNT,
        "training_pairs": Range(1, PAIRS - 1),
        "validation_pairs": Range(1, PAIRS - 1),
        "vocabulary": Range(5),
        "longest": Range(2),
        "learning_rate": POSITIVE,
        "gradient_norm": POSITIVE,
    }
    if isinstance(config, RecurrentTranslationConfig):
        ranges |= {"embedding": COUNT, "units": COUNT}
    if isinstance(config, TransformerTranslationConfig):
        ranges |= {"features": COUNT, "heads": COUNT, "hidden": COUNT, "blocks": COUNT}
        ranges |= {"warmup_steps": AMOUNT, "dropout_rate": FRACTION}
    problems = out_of_range(config, ranges) + undivided("groups", config, "batch_size")
    if config.training_pairs + config.validation_pairs > PAIRS:
        problems.append(
            f"--training-pairs and --validation-pairs are {config.training_pairs} and "
            f"{config.validation_pairs}; there are {PAIRS} pairs in all"
        )
    if config.batch_size > config.training_pairs:
        problems.append(
            f"--batch-size must be at most --training-pairs, {config.training_pairs}, not "
            f"{config.batch_size}"
        )
    if isinstance(config, TransformerTranslationConfig):
        problems += undivided("heads", config, "features")
        steps = config.epochs * (config.training_pairs // max(1, config.batch_size))
        if config.warmup_steps > steps:
            problems.append(
                f"--warmup-steps must be at most the updates there are, {steps}, not "
                f"{config.warmup_steps}"
            )
        if config.features % 2:
            problems.append(f"--features must be even, not {config.features}")
    return problems


def smoke(config: TranslationConfig) -> TranslationConfig:
    """Ten updates of a narrow net on few short sentences."""
    small = replace(
        config, epochs=1, batch_size=64, training_pairs=640, validation_pairs=64, vocabulary=200,
        longest=8,
    )  # fmt: skip
    if isinstance(small, RecurrentTranslationConfig):
        return replace(small, embedding=8, units=8)
    if isinstance(small, TransformerTranslationConfig):
        return replace(small, features=8, heads=2, hidden=8, warmup_steps=2)
    return small


def make_recurrent(
    config: RecurrentTranslationConfig,
    attention: AttentionName,
    needs: Needs | None,
    *,
    bidirectional: bool,
) -> Experiment:
    """Two LSTMs that translate, as `EncoderDecoder` has them."""

    def net(pair: Pair) -> Net:
        return EncoderDecoder(
            len(pair.source),
            len(pair.target),
            config.embedding,
            config.units,
            bidirectional=bidirectional,
            attention=attention,
        )

    return _make(config, net, "cosine", 0, needs)


def make_transformer(
    config: TransformerTranslationConfig, needs: Needs | None = None
) -> Experiment:
    """A transformer that translates."""

    def net(pair: Pair) -> Net:
        return TransformerTranslator(
            len(pair.source),
            len(pair.target),
            config.features,
            config.heads,
            config.hidden,
            config.blocks,
            config.longest,
        )

    return _make(config, net, "warmup_cosine", config.warmup_steps, needs)


def _make(
    config: TranslationConfig,
    net: Callable[[Pair], Net],
    schedule: ScheduleName,
    warmup: int,
    needs: Needs | None,
) -> Experiment:
    epoch = steps_per_epoch(config.training_pairs, config.batch_size)
    data = measure = None
    final: tuple[str, ...] = ()
    if needs is None:
        sentences = read_sentences(config)
        pair = sentences.pair
        rows = shuffled_rows(config.training_pairs, config.batch_size)
        data = Data(sentences.sources, rows, evaluation_batch_size=500)
        english, spanish = (some[:SCORED] for some in sentences.validation)
        measure = make_measure(english, spanish, sentences.unseen[:SCORED])
        final = ("unseen",) if "unseen" in sentences.sources else ()
    else:
        pair = pair_from(needs)
    return make_translation(
        net(pair),
        pair,
        data,
        floats(config),
        Fitting(config.epochs * epoch, "adam", schedule, warmup, groups=config.groups),
        batch_size=config.batch_size,
        evaluate_every=max(1, epoch),
        final=final,
        measure=measure,
        artifacts=make_pictures,
    )
