"""What can be chosen of those who judge reviews, and the experiments made of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, TypeVar

import flax.linen as nn
import jax

from research.data.order import shuffled_rows, steps_per_epoch
from research.data.tokens import Kept, Tokens
from research.engine.artifacts import Artifact
from research.engine.experiment import Batch, Data, Evaluation, Experiment, Needs
from research.engine.hyperparameters import floats
from research.errors import Mistake
from research.optimization.supervised import Fitting, Variables
from research.options.ranges import (
    AMOUNT,
    COUNT,
    DEPTH,
    FRACTION,
    POSITIVE,
    Range,
    out_of_range,
    undivided,
)
from research.sequence.judgement.judges import (
    BagOfWords,
    MeanEmbedding,
    RecurrentReader,
    TransformerReader,
)
from research.sequence.judgement.judging import make_judging
from research.sequence.judgement.reviews import (
    HELD_OUT,
    MOST,
    VERDICTS,
    Corpus,
    Reading,
    make_corpus,
    read_reviews,
    split_reviews,
)
from research.sequence.judgement.sentiment_pictures import show_judgements, show_strongest


@dataclass(frozen=True)
class SentimentConfig:
    """What can be chosen, whatever the net."""

    reviews: Annotated[int, "of the training set, a tenth for validation, and of the test set"] = (
        MOST
    )
    epochs: Annotated[int, "passes over the training reviews"] = 10
    batch_size: Annotated[int, "reviews in one update"] = 64
    groups: Annotated[int, "equal parts of a batch, which devices can share"] = 1
    words: Annotated[int, "the commonest of the training reviews, which are known"] = 10_000
    length: Annotated[int, "words of a review that are read"] = 200
    kept: Annotated[Kept, "which words are read of a longer review"] = "last"
    learning_rate: Annotated[float, "AdamW's step size at its highest, falling by cosine"] = 3e-3
    weight_decay: Annotated[float, "AdamW's decoupled weight decay"] = 0.0
    word_dropout_rate: Annotated[float, "share of the words that are hidden in training"] = 0.2


@dataclass(frozen=True)
class BagConfig(SentimentConfig):
    """What can be chosen of a bag of words."""

    longest: Annotated[int, "words in the longest stretch that counts as a token"] = 1


@dataclass(frozen=True)
class MeanConfig(SentimentConfig):
    """What can be chosen of a mean of embedded words."""

    embedding: Annotated[int, "numbers that a word becomes"] = 64
    dropout_rate: Annotated[float, "share dropped of what one layer gives the next"] = 0.5


@dataclass(frozen=True)
class RecurrentConfig(MeanConfig):
    """What can be chosen of a recurrent net."""

    epochs: Annotated[int, "passes over the training reviews"] = 4
    units: Annotated[int, "units of each recurrent layer, in each direction"] = 64
    layers: Annotated[int, "recurrent layers"] = 1
    masked: Annotated[bool, "skip padding instead of reading it like words"] = True
    bidirectional: Annotated[bool, "read backwards as well"] = False
    gradient_norm: Annotated[float, "global norm that gradients are clipped to"] = 1.0


@dataclass(frozen=True)
class AttentionConfig(MeanConfig):
    """What can be chosen of a transformer."""

    layers: Annotated[int, "blocks of attention and dense layers"] = 1
    heads: Annotated[int, "of every attention"] = 2


AnyConfig = TypeVar("AnyConfig", bound=SentimentConfig)


def validate(config: SentimentConfig) -> list[str]:
    """What is out of range, a message each."""
    ranges = {
        "reviews": Range(HELD_OUT, MOST),
        "epochs": AMOUNT,
        "batch_size": COUNT,
        "groups": COUNT,
        "words": COUNT,
        "length": COUNT,
        "learning_rate": POSITIVE,
        "weight_decay": AMOUNT,
        "word_dropout_rate": FRACTION,
    }
    if isinstance(config, BagConfig):
        ranges["longest"] = COUNT
    if isinstance(config, MeanConfig):
        ranges |= {"embedding": COUNT, "dropout_rate": FRACTION}
    if isinstance(config, RecurrentConfig):
        ranges |= {"units": COUNT, "layers": DEPTH, "gradient_norm": POSITIVE}
    if isinstance(config, AttentionConfig):
        ranges |= {"layers": DEPTH, "heads": COUNT}
    problems = out_of_range(config, ranges) + undivided("groups", config, "batch_size")
    if isinstance(config, AttentionConfig):
        pairs = 2 * max(1, config.heads)
        if config.embedding % pairs:
            problems.append(
                f"--embedding must be a multiple of twice --heads, {pairs}, for pairs of "
                f"coordinates are rotated; not {config.embedding}"
            )
    return problems


def smoke(config: AnyConfig) -> AnyConfig:
    """A few short reviews and a narrow net."""
    small = replace(config, reviews=200, epochs=2, batch_size=16, words=300, length=20)
    if isinstance(small, MeanConfig):
        small = replace(small, embedding=8)
    if isinstance(small, RecurrentConfig):
        small = replace(small, units=8)
    return small


def make(config: SentimentConfig, needs: Needs | None = None) -> Experiment:
    """A judge of reviews, its best checkpoint by validation accuracy."""
    if needs is not None:
        kept = needs["vocabulary"]
        return make_judge(config, Corpus(Tokens(tuple(kept["symbols"]), kept["unit"]), {}, {}))
    train, test = read_reviews(config.reviews)
    longest = config.longest if isinstance(config, BagConfig) else 0
    reading = Reading(config.words, config.length, config.kept, longest)
    return make_judge(config, make_corpus(split_reviews(train, test), reading))


def make_judge(config: SentimentConfig, corpus: Corpus) -> Experiment:
    """A judge of the given reviews; of none but a vocabulary, one that is only used.

    Raises:
        Mistake: a batch is larger than the training split.
    """
    data, epoch = None, 1
    if corpus.sources:
        examples = len(corpus.sources["train"])
        if examples < config.batch_size:
            raise Mistake(
                f"--reviews {config.reviews} leave {examples} to train on, fewer than "
                f"--batch-size {config.batch_size}"
            )
        epoch = steps_per_epoch(examples, config.batch_size)
        rows = shuffled_rows(examples, config.batch_size)
        data = Data(corpus.sources, rows, evaluation_batch_size=250)

    def show(
        judge: Callable[[Batch], jax.Array], variables: Variables, evaluation: Evaluation
    ) -> Mapping[str, Artifact]:
        made = show_judgements(judge, evaluation, corpus.texts, VERDICTS)
        if isinstance(config, BagConfig):
            made |= show_strongest(variables["params"]["weight"], corpus.vocabulary, VERDICTS)
        return made

    experiment = make_judging(
        make_net(config, len(corpus.vocabulary)),
        data,
        floats(config),
        Fitting(config.epochs * epoch, "adamw", "cosine", groups=config.groups),
        batch_size=config.batch_size,
        evaluate_every=epoch,
        items="reviews",
        show=show,
    )
    needs = {"vocabulary": dataclasses.asdict(corpus.vocabulary), "classes": VERDICTS}
    return experiment._replace(needs=needs)


def make_net(config: SentimentConfig, symbols: int) -> nn.Module:
    """The net that a config asks for, of so many tokens."""
    match config:
        case RecurrentConfig():
            units = (config.units,) * config.layers
            return RecurrentReader(
                symbols,
                config.embedding,
                units=units,
                bidirectional=config.bidirectional,
                masked=config.masked,
            )
        case AttentionConfig():
            return TransformerReader(
                symbols, config.embedding, layers=config.layers, heads=config.heads
            )
        case MeanConfig():
            return MeanEmbedding(symbols, config.embedding)
        case _:
            return BagOfWords(symbols)
