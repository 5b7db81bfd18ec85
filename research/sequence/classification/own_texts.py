"""A classifier of texts of one's own: which of several classes each belongs to.

config = OwnTexts(splits=split(Files("reviews.csv", CSV())), text="review", label="sentiment")
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated, Self

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from research.data.columns import Columns
from research.data.features.texts import fit_words, tokenized, words_of
from research.data.labels import find_classes, labelled
from research.data.order import shuffled_rows, steps_per_epoch
from research.data.own_text import read_own
from research.data.sources.mapped import Mapped
from research.data.sources.portions import Splits
from research.data.text import PADDING, UNKNOWN, Kept, Vocabulary
from research.engine.experiment import Data, Experiment, Hyperparameters, Key, Needs, Source
from research.errors import Mistake
from research.layers.dropout import dropout
from research.optimization.classification import Classified, make_classification
from research.optimization.supervised import Fitting, Variables
from research.options.config import Config
from research.options.ranges import AMOUNT, COUNT, FIXED, FRACTION, POSITIVE, Divides
from research.prediction import Inputs, Own
from research.sequence.classification.classifiers import masked_mean

TAKES = "a text in quotes, or a file that holds one"


class MeanWords(nn.Module):
    """The mean of a text's embedded words, and a linear layer: fastText's classifier.

    Source: Joulin et al. 2016, "Bag of Tricks for Efficient Text Classification", of single words.

    Attributes:
        vocabulary: how many tokens there are.
        embedding: width of a word's vector.
        classes: the number of logits.
    """

    vocabulary: int
    embedding: int
    classes: int

    @nn.compact
    def __call__(self, tokens: jax.Array, rate: jax.Array | float = 0.0) -> jax.Array:
        """Logits `[batch, classes]` of tokens int `[batch, length]`.

        In training a share of the words is hidden, by the stream "dropout".
        """
        words = nn.Embed(
            self.vocabulary, self.embedding, embedding_init=nn.initializers.normal(0.1)
        )
        mask = tokens != PADDING
        mean = masked_mean(words(tokens), mask)
        if self.has_rng("dropout"):
            mean = dropout(mean, rate, self.make_rng("dropout"))
        logits: jax.Array = nn.Dense(self.classes)(mean)
        return logits


@dataclass(frozen=True, kw_only=True)
class OwnTexts(Config):
    """Options of a classifier of texts of one's own.

    Attributes:
        splits: texts to train on, to choose by and to test on.
        text: the column of texts.
        label: the column of classes, whole numbers or texts.
    """

    splits: Annotated[Splits, "texts of each split", FIXED]
    text: Annotated[str, "the column of texts", FIXED] = "text"
    label: Annotated[str, "the column of classes", FIXED] = "label"
    epochs: Annotated[int, "passes over the training texts", COUNT] = 10
    batch_size: Annotated[int, "texts in one update", COUNT] = 32
    groups: Annotated[
        int, "equal parts of a batch, which devices can share", COUNT, Divides(("batch_size",))
    ] = 8
    words: Annotated[int, "the commonest words of the training texts, which are known", COUNT] = (
        20_000
    )
    length: Annotated[int, "words of a text that are read", COUNT] = 400
    kept: Annotated[Kept, "which words of a longer text are read"] = "first"
    embedding: Annotated[int, "width of a word's vector", COUNT] = 64
    learning_rate: Annotated[
        float, "AdamW's step size at the start, falling by cosine", POSITIVE
    ] = 3e-3
    weight_decay: Annotated[float, "AdamW's decoupled weight decay", AMOUNT] = 1e-2
    dropout_rate: Annotated[float, "share of the mean vector dropped in training", FRACTION] = 0.5

    @property
    def headline(self) -> str:
        """How many texts are classified right."""
        return "test/accuracy"

    def smoke(self) -> Self:
        """One pass over short texts."""
        return replace(self, epochs=1, words=300, length=20, embedding=8)

    def make(self) -> Experiment:
        """A classifier of these texts.

        Raises:
            Mistake: a column is missing, or holds no texts or classes.
        """
        train = self.splits.train
        classes = find_classes(train, self.label)
        vocabulary = fit_words(train, self.text, self.words)
        sources: dict[str, Source] = {}
        for name, source in self.splits._asdict().items():
            tokens = tokenized(source, self.text, vocabulary, self.length, self.kept)
            chosen = Mapped(tokens, partial(choose_columns, self.text, self.label), "tokens")
            sources[name] = labelled(chosen, self.label, classes)
        return self._make(vocabulary, classes.names, sources)

    def make_to_use(self, needs: Needs) -> Experiment:
        """The same without texts to learn from."""
        kept = needs["vocabulary"]
        vocabulary = Vocabulary(tuple(kept["symbols"]), kept["unit"])
        return self._make(vocabulary, tuple(needs["classes"]), {})

    def _make(
        self, vocabulary: Vocabulary, classes: tuple[str, ...], sources: Mapping[str, Source]
    ) -> Experiment:
        net = MeanWords(len(vocabulary), self.embedding, len(classes))

        def logits(
            variables: Variables, inputs: Inputs, key: Key | None, values: Hyperparameters
        ) -> jax.Array:
            rngs = {} if key is None else {"dropout": key}
            tokens = inputs["token"].astype(jnp.int32)
            found: jax.Array = net.apply(variables, tokens, values["dropout_rate"], rngs=rngs)
            return found

        what = Classified(
            init=lambda key: net.init(key, jnp.ones((1, 1), jnp.int32)),
            logits=logits,
            inputs={"token": jax.ShapeDtypeStruct((1, self.length), jnp.int32)},
            classes=classes,
            read=lambda word: read_text(word, vocabulary, self.length, self.kept),
            takes=TAKES,
            missing=False,
            needs={"vocabulary": dataclasses.asdict(vocabulary), "classes": classes},
            items="texts",
        )
        data, epoch = None, 1
        if sources:
            examples = len(sources["train"])
            epoch = steps_per_epoch(examples, self.batch_size)
            data = Data(sources, shuffled_rows(examples, self.batch_size), None, 256)
        fitting = Fitting(self.epochs * epoch, "adamw", "cosine", groups=self.groups)
        return make_classification(what, data, fitting, self.batch_size, epoch)


def choose_columns(text: str, label: str, columns: Columns) -> Columns:
    """The tokens of the texts as `token`, and the column of the labels.

    Raises:
        Mistake: there is no such column.
    """
    if label not in columns:
        raise Mistake(f"there is no column {label!r}; there are {', '.join(sorted(columns))}")
    return {"token": columns[text], label: columns[label]}


def read_text(word: str, vocabulary: Vocabulary, length: int, kept: Kept) -> Own:
    """A user's own text, or a file that holds one, as `token`.

    Raises:
        Mistake: none of its words is known.
    """
    text, name = read_own(word)
    rows = vocabulary.rows([words_of(text)], length, kept)
    if not (rows > UNKNOWN).any():
        raise Mistake(f"{text!r} has no word that the model knows; this model takes {TAKES}")
    unknown = vocabulary.unknown(text)
    note = f"not known to the model: {', '.join(unknown)}" if unknown else ""
    return Own(name, {"token": rows.astype(np.int32)}, note)
