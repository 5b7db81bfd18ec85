"""Language models of characters as experiments, recurrent ones with carried states too."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal, NamedTuple, Self, TypeAlias

import jax
import jax.numpy as jnp
import optax

from research.data.order import steps_per_epoch
from research.data.sequences import contiguous_rows, overlapping_rows, windows_in
from research.data.text import Alphabet
from research.engine import metrics
from research.engine.experiment import (
    Batch,
    Data,
    Experiment,
    Hyperparameters,
    Key,
    Needs,
    Selection,
)
from research.engine.metrics import Metrics
from research.errors import Mistake
from research.optimization.descent import WeightedLoss, loss_and_accuracy
from research.optimization.precision import PrecisionName
from research.optimization.supervised import Fitting, SupervisedState, Variables, make_supervised
from research.options.ranges import AMOUNT, COUNT, DEPTH, FRACTION, POSITIVE, Divides
from research.sequence.characters.character_net import CharacterNet, CharacterTransformer
from research.sequence.characters.character_text import TextConfig, read_texts, text_sources
from research.sequence.characters.next_token import next_character
from research.sequence.characters.writing import Writer, make_glimpse

CellName: TypeAlias = Literal["simple", "lstm", "gru", "normalised_lstm", "normalised_gru"]

STRETCHES = 16
"""Rows that a held-out text is read in, side by side, by a net that carries its state."""


class LanguageModelState(NamedTuple):
    """All that the next update depends on: `SupervisedState`, and where the texts stopped.

    Attributes:
        params, opt_state, average, statistics, step, hyperparameters: as `SupervisedState` has.
        carried: the net's states after the last window of each row of a batch; None where every
            window begins anew.
    """

    params: Any
    opt_state: Any
    average: Any
    statistics: Any
    step: jax.Array
    hyperparameters: Hyperparameters
    carried: Any

    @property
    def learned(self) -> SupervisedState:
        """All but the carried states."""
        return SupervisedState(*self[:-1])


@dataclass(frozen=True)
class LanguageModel(TextConfig):
    """Options of every model of characters."""

    batch_size: Annotated[int, "windows in one update", COUNT] = 32
    groups: Annotated[
        int, "equal parts of a batch, which devices can share", COUNT, Divides(("batch_size",))
    ] = 1
    learning_rate: Annotated[float, "the largest step size, falling by cosine", POSITIVE] = 2e-3
    gradient_norm: Annotated[float, "global norm that gradients are clipped to", POSITIVE] = 1.0
    dropout_rate: Annotated[
        float, "share dropped of each layer's inputs but the first's", FRACTION
    ] = 0.0

    @property
    def headline(self) -> str:
        """The figure that others report."""
        return "validation/loss"


@dataclass(frozen=True)
class RecurrentLanguageModel(LanguageModel):
    """Options of recurrent models."""

    stateful: Annotated[bool, "carry the state from window to window"] = False
    epochs: Annotated[int, "passes over the training text", AMOUNT] = 10
    shift: Annotated[int, "stateless: characters between the starts of two windows", COUNT] = 1
    cell: Annotated[CellName, "kind of recurrent neuron"] = "gru"
    units: Annotated[int, "units of each recurrent layer", COUNT] = 128
    layers: Annotated[int, "recurrent layers", DEPTH] = 2
    embedding: Annotated[int, "width of a character's embedding; 0 for a unit vector", AMOUNT] = 0
    segment: Annotated[
        int,
        "keep states for the gradient so many steps apart; 0 keeps all",
        AMOUNT,
        Divides(("window",)),
    ] = 0

    def smoke(self) -> Self:
        """Few updates of a narrow net."""
        small = replace(
            self, epochs=1, window=20, segment=0, units=8, embedding=min(self.embedding, 4)
        )
        if self.stateful:
            return replace(small, batch_size=256)
        return replace(small, batch_size=64, shift=200)

    def make(self) -> Experiment:
        """A recurrent model of the chosen text."""
        texts = read_texts(self)
        length = len(texts.splits["train"])
        windows: int | None = None
        if self.stateful:
            windows, rows = contiguous_rows(length, self.window, self.batch_size)
            epoch = windows
        else:
            count = windows_in(length, self.window + 1, self.shift, "the training text")
            if count < self.batch_size:
                raise Mistake(
                    f"the training text has {count} windows of {self.window + 1} characters, "
                    f"fewer than --batch-size {self.batch_size}"
                )
            epoch = steps_per_epoch(count, self.batch_size)
            rows = overlapping_rows(length, self.window + 1, self.batch_size, self.shift)
        stretches = STRETCHES if self.stateful else None
        sources = text_sources(self, texts, stretches)
        data = Data(sources, rows, evaluation_batch_size=stretches or 256)
        return self._make(texts.vocabulary, data, epoch, windows)

    def make_to_use(self, needs: Needs) -> Experiment:
        """The model without its text."""
        windows = 1 if self.stateful else None
        return self._make(Alphabet(**needs["vocabulary"]), None, 0, windows)

    def _make(
        self, vocabulary: Alphabet, data: Data | None, epoch: int, windows: int | None
    ) -> Experiment:
        units = (self.units,) * self.layers
        return make_language_model(
            self,
            CharacterNet(len(vocabulary), self.cell, units, self.embedding, self.segment),
            vocabulary,
            data,
            Fitting(self.epochs * epoch, "adam", "cosine", groups=self.groups),
            windows=windows,
            evaluate_every=max(1, epoch),
        )


STATEFUL = RecurrentLanguageModel(stateful=True, epochs=20, learning_rate=5e-3)
"""Reads the text from its beginning to its end, with two GRUs of 128 units."""


@dataclass(frozen=True)
class TransformerLanguageModel(LanguageModel):
    """Options of transformers."""

    steps: Annotated[int, "updates, each of windows drawn without replacement", AMOUNT] = 2000
    warmup_steps: Annotated[int, "updates in which the step size rises to its highest", AMOUNT] = (
        100
    )
    layers: Annotated[int, "blocks of attention and dense layers", DEPTH] = 4
    features: Annotated[int, "features of every layer", COUNT] = 128
    heads: Annotated[int, "heads of every attention", COUNT] = 4
    weight_decay: Annotated[float, "AdamW's, of every matrix", AMOUNT] = 0.1
    second_moment_decay: Annotated[float, "of AdamW's mean of squared gradients", FRACTION] = 0.99
    policy: Annotated[PrecisionName, "of the computation: float32 or bfloat16"] = "float32"

    def problems(self) -> list[str]:
        """Heads are of pairs of coordinates; a run that trains has time for its warm-up."""
        problems = super().problems()
        if self.features % (2 * self.heads):
            problems.append(
                f"--features must be a multiple of twice --heads, {2 * self.heads}, for pairs of "
                f"coordinates are rotated; not {self.features}"
            )
        if 0 < self.steps < self.warmup_steps:
            problems.append(
                f"--warmup-steps must be at most --steps, {self.steps}, not {self.warmup_steps}"
            )
        return problems

    def smoke(self) -> Self:
        """A few updates of a narrow net."""
        small = replace(self, steps=min(self.steps, 60), warmup_steps=10, layers=2, window=16)
        return replace(small, features=16, heads=2, batch_size=8)

    def make(self) -> Experiment:
        """A transformer of the chosen text."""
        texts = read_texts(self)
        length = len(texts.splits["train"])
        rows = overlapping_rows(length, self.window + 1, self.batch_size)
        data = Data(text_sources(self, texts), rows, evaluation_batch_size=64)
        return self._make(texts.vocabulary, data)

    def make_to_use(self, needs: Needs) -> Experiment:
        """The model without its text."""
        return self._make(Alphabet(**needs["vocabulary"]), None)

    def _make(self, vocabulary: Alphabet, data: Data | None) -> Experiment:
        warmup = min(self.warmup_steps, self.steps)
        return make_language_model(
            self,
            CharacterTransformer(
                len(vocabulary), self.layers, self.features, self.heads, self.window
            ),
            vocabulary,
            data,
            Fitting(self.steps, "adamw", "warmup_cosine", warmup, self.policy, self.groups),
            windows=None,
            evaluate_every=max(1, self.steps // 8),
        )


def make_language_model(
    config: LanguageModel,
    net: CharacterNet | CharacterTransformer,
    vocabulary: Alphabet,
    data: Data | None,
    fitting: Fitting,
    *,
    windows: int | None,
    evaluate_every: int,
) -> Experiment:
    """An experiment that trains a character model by cross-entropy.

    A batch holds `symbol`, int `[batch, time + 1]`: characters, each but the first being the target
    of the one before; and `weight`. Its metrics are means over characters: `loss` in nats, `bits`
    of the same, and `accuracy`. Each row of an evaluated split is read from its beginning, without
    dropout, from states of 0. The checkpoint with the lowest validation loss is reported.

    Args:
        config: the options.
        net: predicts the next character.
        vocabulary: of the characters.
        data: batches; None for a model that is only used.
        fitting: how it learns.
        windows: after how many windows the rows, and their carried states, begin anew; None
            where every window begins anew. Gradients end at a window's start.
        evaluate_every: updates between evaluations.
    """

    def init_model(key: Key) -> Variables:
        return net.init(key, jnp.zeros((1, 1), jnp.int32))

    def loss(variables: Variables, rows: Batch, key: Key, values: Hyperparameters) -> WeightedLoss:
        logits, states = net.apply(
            variables,
            rows["symbol"][:, :-1],
            rows.get("carried"),
            training=True,
            dropout_rate=values.get("dropout_rate", 0.0),
            rngs={"dropout": key},
        )
        made = prediction_loss(logits, rows["symbol"][:, 1:], rows["weight"])
        return made._replace(kept=states if windows is not None else ())

    fitted = make_supervised(init_model, loss, fitting)

    def init(key: Key, hyperparameters: Hyperparameters) -> LanguageModelState:
        learned = fitted.init(key, hyperparameters)
        carried = net.resting(config.batch_size) if windows is not None else None
        return LanguageModelState(*learned, carried)

    def update(
        state: LanguageModelState, batch: Batch, key: Key
    ) -> tuple[LanguageModelState, Metrics]:
        rows, carried = dict(batch), state.carried
        if windows is not None:
            begins = state.step % windows == 0
            rows["carried"] = jax.tree.map(lambda leaf: jnp.where(begins, 0.0, leaf), carried)
        learned, measured, kept = fitted.learn(state.learned, rows, key)
        return LanguageModelState(*learned, kept if windows is not None else None), measured

    def evaluate(state: LanguageModelState, batch: Batch, key: Key) -> Metrics:
        del key
        logits, _ = net.apply(fitted.reported(state.learned), batch["symbol"][:, :-1])
        return prediction_loss(logits, batch["symbol"][:, 1:], batch["weight"]).metrics

    def read(state: LanguageModelState, memory: Any, tokens: jax.Array) -> tuple[Any, jax.Array]:
        logits, memory = net.apply(fitted.reported(state.learned), tokens, memory)
        return memory, logits[:, -1]

    writer = Writer(vocabulary, net.resting, read)
    return Experiment(
        init=init,
        update=update,
        evaluate=evaluate,
        steps=fitting.steps,
        items_per_step=config.batch_size * config.window,
        items="characters",
        data=data,
        groups=fitting.groups,
        evaluate_every=evaluate_every,
        # Validation too, of the state that is reported: what others have figures of.
        final=("validation", "test"),
        selection=Selection("validation/loss", larger_is_better=False),
        glimpse=make_glimpse(writer),
        offers={"writer": writer, "predict": next_character(writer)},
        needs={"vocabulary": vocabulary._asdict()},
    )


def prediction_loss(logits: jax.Array, targets: jax.Array, weight: jax.Array) -> WeightedLoss:
    """Cross-entropy of logits `[batch, time, vocabulary]`, in nats, and as a metric in `bits`."""
    nats = optax.softmax_cross_entropy_with_integer_labels(logits, targets.astype(jnp.int32))
    made = loss_and_accuracy(nats, jnp.argmax(logits, axis=-1) == targets, weight[:, None])
    bits = metrics.mean(nats / math.log(2.0), weight[:, None])
    return made._replace(metrics=made.metrics | {"bits": bits})
