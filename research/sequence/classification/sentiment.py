"""Sentiment of film reviews: classifiers by bags, means, recurrence and attention."""

from __future__ import annotations

import dataclasses
from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Self

import flax.linen as nn
import jax

from research.data.order import shuffled_rows, steps_per_epoch
from research.data.text import Kept, Vocabulary
from research.engine.artifacts import Artifact
from research.engine.experiment import Batch, Data, Evaluation, Experiment, Needs
from research.errors import Mistake
from research.optimization.supervised import Variables
from research.options.ranges import AMOUNT, COUNT, DEPTH, FRACTION, POSITIVE, Range
from research.prediction import Own
from research.sequence.classification.binary_classification import (
    SequenceClassification,
    make_binary_classifier,
)
from research.sequence.classification.classifiers import (
    BagOfWords,
    MeanEmbedding,
    RecurrentReader,
    TransformerReader,
)
from research.sequence.classification.reviews import (
    CLASSES,
    HELD_OUT,
    MOST,
    TAKES,
    Corpus,
    Reviews,
    make_corpus,
    read_review,
    read_reviews,
    split_reviews,
)
from research.sequence.classification.sentiment_pictures import show_predictions, show_strongest


@dataclass(frozen=True)
class SentimentClassification(SequenceClassification):
    """Options of every net that classifies reviews."""

    reviews: Annotated[
        int,
        "of the training set, a tenth for validation, and of the test set",
        Range(HELD_OUT, MOST),
    ] = MOST
    words: Annotated[
        int, "the commonest words or stretches of the training reviews, which are known", COUNT
    ] = 10_000
    length: Annotated[int, "words of a review that are read", COUNT] = 200
    kept: Annotated[Kept, "which words of a longer review are read"] = "last"
    weight_decay: Annotated[float, "AdamW's decoupled weight decay", AMOUNT] = 0.0
    word_dropout_rate: Annotated[
        float, "share of the words that are hidden in training", FRACTION
    ] = 0.2

    def smoke(self) -> Self:
        """A few short reviews."""
        return replace(self, reviews=200, epochs=2, batch_size=16, words=300, length=20)

    @abstractmethod
    def net(self, vocabulary: int) -> nn.Module:
        """The classifier of texts with so many different tokens."""

    @property
    def stretch(self) -> int:
        """Of a bag, words in the longest stretch that is a token; 0 for words in their order."""
        return 0

    def corpus(self, splits: dict[str, Reviews]) -> Corpus:
        """Reviews as the net reads them."""
        return make_corpus(splits, self.words, self.length, self.kept, self.stretch)

    def read(self) -> Corpus:
        """The reviews of the data set, as the net reads them."""
        return self.corpus(split_reviews(*read_reviews(self.reviews)))

    def make(self) -> Experiment:
        """A classifier of reviews."""
        return make_sentiment(self, self.read())

    def make_to_use(self, needs: Needs) -> Experiment:
        """The same without reviews to learn from."""
        kept = needs["vocabulary"]
        return make_sentiment(
            self, Corpus(Vocabulary(tuple(kept["symbols"]), kept["unit"]), {}, {})
        )


@dataclass(frozen=True)
class BagOfWordsSentiment(SentimentClassification):
    """Options of a bag of words."""

    longest: Annotated[int, "words in the longest stretch that counts as a token", COUNT] = 1

    def net(self, vocabulary: int) -> nn.Module:
        """A weight for each token."""
        return BagOfWords(vocabulary)

    @property
    def stretch(self) -> int:
        """Each token counts once a review."""
        return self.longest


@dataclass(frozen=True)
class WordReaderSentiment(SentimentClassification):
    """Options of nets that read embedded words."""

    embedding: Annotated[int, "width of a word's embedding", COUNT] = 64
    dropout_rate: Annotated[float, "share dropped of what one layer gives the next", FRACTION] = 0.5

    def smoke(self) -> Self:
        """A narrow net."""
        return replace(super().smoke(), embedding=8)


@dataclass(frozen=True)
class MeanEmbeddingSentiment(WordReaderSentiment):
    """Options of a mean of embedded words."""

    def net(self, vocabulary: int) -> nn.Module:
        """The mean of the embedded words."""
        return MeanEmbedding(vocabulary, self.embedding)


@dataclass(frozen=True)
class RecurrentSentiment(WordReaderSentiment):
    """Options of a recurrent net."""

    units: Annotated[int, "units of each recurrent layer, in each direction", COUNT] = 64
    layers: Annotated[int, "recurrent layers", DEPTH] = 1
    masked: Annotated[bool, "skip padding instead of reading it like words"] = True
    bidirectional: Annotated[bool, "read backwards as well"] = False
    gradient_norm: Annotated[float, "global norm that gradients are clipped to", POSITIVE] = 1.0

    def smoke(self) -> Self:
        """A narrow net."""
        return replace(super().smoke(), units=8)

    def net(self, vocabulary: int) -> nn.Module:
        """GRUs."""
        return RecurrentReader(
            vocabulary,
            self.embedding,
            units=(self.units,) * self.layers,
            bidirectional=self.bidirectional,
            masked=self.masked,
        )


@dataclass(frozen=True)
class TransformerSentiment(WordReaderSentiment):
    """Options of a transformer."""

    layers: Annotated[int, "blocks of attention and dense layers", DEPTH] = 1
    heads: Annotated[int, "heads of every attention", COUNT] = 2

    def problems(self) -> list[str]:
        """Heads are of pairs of coordinates."""
        problems, pairs = super().problems(), 2 * self.heads
        if self.embedding % pairs:
            problems.append(
                f"--embedding must be a multiple of twice --heads, {pairs}, for pairs of "
                f"coordinates are rotated; not {self.embedding}"
            )
        return problems

    def net(self, vocabulary: int) -> nn.Module:
        """Blocks of attention."""
        return TransformerReader(vocabulary, self.embedding, layers=self.layers, heads=self.heads)


def make_sentiment(config: SentimentClassification, corpus: Corpus) -> Experiment:
    """A classifier of the given reviews; of none but a vocabulary, one that is only used.

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
        classify: Callable[[Batch], jax.Array], variables: Variables, evaluation: Evaluation
    ) -> Mapping[str, Artifact]:
        made = show_predictions(classify, evaluation, corpus.texts, CLASSES)
        if isinstance(config, BagOfWordsSentiment):
            made |= show_strongest(variables["params"]["weight"], corpus.vocabulary, CLASSES)
        return made

    def read(text: str) -> Own:
        return read_review(text, corpus.vocabulary, config.length, config.kept, config.stretch)

    experiment = make_binary_classifier(
        config,
        config.net(len(corpus.vocabulary)),
        data,
        optimizer="adamw",
        epoch=epoch,
        items="reviews",
        classes=CLASSES,
        read=read,
        takes=TAKES,
        length=config.length * max(1, config.stretch),
        show=show,
    )
    needs = {"vocabulary": dataclasses.asdict(corpus.vocabulary), "classes": CLASSES}
    return experiment._replace(needs=needs)
