"""Models of Bach's chorales, note after note, as experiments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal, NamedTuple, Self, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
import optax

from research.data.columns import as_objects, pad_column
from research.data.order import shuffled_rows, steps_per_epoch
from research.data.sources.arrays import ArraySource
from research.data.tfds_split import TfdsSplit
from research.engine import metrics
from research.engine.artifacts import Artifact, Images
from research.engine.experiment import (
    Batch,
    Data,
    Evaluation,
    Experiment,
    Glimpse,
    Hyperparameters,
    Key,
    Needs,
    Selection,
)
from research.engine.metrics import Metrics
from research.errors import Mistake
from research.optimization.descent import WeightedLoss, loss_and_accuracy
from research.optimization.supervised import Fitting, SupervisedState, Variables, make_supervised
from research.options.config import Config
from research.options.ranges import AMOUNT, COUNT, FRACTION, POSITIVE, Divides
from research.sequence.characters.writing import Sampling, Writer, begin_text, go_on_with
from research.sequence.chorales.chorale_net import ChoraleNet
from research.sequence.chorales.chorale_pictures import draw_piano_roll, show_chorale
from research.sequence.chorales.chords import QUARTER, SILENCE, VOICES, Notes
from research.sequence.chorales.next_note import next_note

DATASET = "jsb_chorales"
CellName: TypeAlias = Literal["gru", "lstm"]

WHOLE = "whole"
"""The split of the test chorales from their first chord to their last."""
LENGTH = 64
"""Chords that are composed where no number is given: four bars."""
TEMPERATURE = 0.9
"""By which they are drawn: chords change nearly as often as Bach's do, and at 1 oftener."""


class Composer(NamedTuple):
    """What `sample` takes of a model of chorales.

    Attributes:
        writer: of notes.
        openings: int32 `[chords, 4]`, the chords that training chorales begin with.
    """

    writer: Writer[Notes]
    openings: np.ndarray


@dataclass(frozen=True)
class ChoraleModel(Config):
    """Options of models of chorales."""

    epochs: Annotated[int, "passes over the training windows", AMOUNT] = 20
    window: Annotated[int, "chords in a window, and one more to predict", COUNT] = 32
    shift: Annotated[int, "chords between the starts of two windows", COUNT] = 16
    batch_size: Annotated[int, "windows in one update", COUNT] = 32
    groups: Annotated[
        int, "equal parts of a batch, which devices can share", COUNT, Divides(("batch_size",))
    ] = 1
    cell: Annotated[CellName, "kind of recurrent neuron"] = "gru"
    units: Annotated[int, "units of the recurrent layer", COUNT] = 256
    embedding: Annotated[int, "width of a note's embedding", COUNT] = 5
    places: Annotated[
        bool, "give the net each note's voice, and its sixteenth in a quarter note"
    ] = True
    schedule: Annotated[Literal["constant", "cosine"], "of the step size"] = "cosine"
    learning_rate: Annotated[float, "Nadam's largest step size", POSITIVE] = 1e-3
    dropout_rate: Annotated[
        float, "share dropped of the recurrent layer's inputs and outputs", FRACTION
    ] = 0.3

    @property
    def headline(self) -> str:
        """The figure that the book reports."""
        return "test/accuracy"

    def problems(self) -> list[str]:
        """Places are counted from a window's start, which must then be on a beat."""
        problems = super().problems()
        if self.places and self.shift % QUARTER:
            problems.append(
                f"--shift {self.shift} lets windows begin off the beat, so that no place in a "
                f"quarter is known: take a multiple of {QUARTER}, or --places false"
            )
        return problems

    def smoke(self) -> Self:
        """Few updates of a narrow net."""
        return replace(self, epochs=1, window=4, shift=100, batch_size=16, units=8)

    def make(self) -> Experiment:
        """A model that learns from the training chorales."""
        chorales = {split: read_chorales(split) for split in ("train", "validation", "test")}
        all_notes = np.concatenate([np.concatenate(part) for part in chorales.values()])
        sounding = all_notes[all_notes != SILENCE]
        vocabulary = Notes(int(sounding.min()), int(sounding.max()))
        rows = {
            split: cut_windows(part, self.window + 1, self.shift)
            for split, part in chorales.items()
        }
        count = len(rows["train"])
        if count < self.batch_size:
            raise Mistake(
                f"the training chorales have {count} windows of {self.window + 1} chords, fewer "
                f"than --batch-size {self.batch_size}"
            )
        rows[WHOLE] = chorales["test"]
        sources = {split: chorale_source(split, part, vocabulary) for split, part in rows.items()}
        data = Data(sources, shuffled_rows(count, self.batch_size), evaluation_batch_size=32)
        openings = np.unique([chorale[0] for chorale in chorales["train"]], axis=0)
        epoch = steps_per_epoch(count, self.batch_size)
        return make_composition(self, vocabulary, openings, data, epoch)

    def make_to_use(self, needs: Needs) -> Experiment:
        """The model without chorales to learn from."""
        openings = np.array(needs["openings"], np.int32)
        return make_composition(self, Notes(**needs["vocabulary"]), openings, None, 1)


def read_chorales(split: str) -> list[np.ndarray]:
    """The chorales of a split, int32 `[chords, 4]` each.

    Raises:
        Mistake: the data set is not prepared.
    """
    return list(TfdsSplit(DATASET, split, ("notes",)).load()["notes"])


def cut_windows(chorales: Sequence[np.ndarray], length: int, shift: int) -> list[np.ndarray]:
    """Windows of so many chords, each `shift` after the one before; no shorter ones at the ends.

    Chorales and windows are int `[chords, 4]`.
    """
    return [
        chorale[start : start + length]
        for chorale in chorales
        for start in range(0, len(chorale) - length + 1, shift)
    ]


def chorale_source(split: str, rows: Sequence[np.ndarray], vocabulary: Notes) -> ArraySource:
    """Chords in rows, int `[chords, 4]` each, as notes that a net reads.

    Columns are `note`, uint8 `[rows, 4 * longest]`, padded at the end, and `note/count`, int32
    `[rows]`, the notes that are not padding.
    """
    notes = as_objects([vocabulary.encode(row, f"{DATASET} {split}") for row in rows])
    whose = f"{DATASET}, {len(rows):,} rows of notes ({split})"
    longest = max(map(len, notes))
    return ArraySource(
        whose, pad_column({"note": notes}, "note", longest, whose), str(tuple(vocabulary))
    )


def make_composition(
    config: ChoraleModel,
    vocabulary: Notes,
    openings: np.ndarray,
    data: Data | None,
    epoch: int,
) -> Experiment:
    """An experiment that trains a model of chorales by cross-entropy.

    A batch has the columns of `chorale_source` and `weight`: notes, each but the first being the
    target of the one before. Metrics are means over notes of windows, which overlap, as in the
    book: `loss` in nats, and `accuracy`; where it is evaluated also `held_accuracy`, that of the
    chord before as a prediction. The checkpoint with the lowest validation loss is reported, and
    its `test/chord_loss` is of whole chorales, read from their first chord to their last: nats of a
    chord's four notes together, a mean over all chords but each chorale's first.

    Args:
        config: the options.
        vocabulary: of the notes.
        openings: int32 `[chords, 4]`, what a chorale may begin with.
        data: batches; None for a model that is only used.
        epoch: updates in a pass over the training windows.
    """
    net = ChoraleNet(len(vocabulary), config.cell, config.units, config.embedding, config.places)

    def init_model(key: Key) -> Variables:
        return net.init(key, jnp.zeros((1, 1), jnp.int32))

    def loss(variables: Variables, rows: Batch, key: Key, values: Hyperparameters) -> WeightedLoss:
        (logits, _), changed = net.apply(
            variables,
            rows["note"][:, :-1],
            training=True,
            dropout_rate=values["dropout_rate"],
            rngs={"dropout": key},
            mutable=["batch_stats"],
        )
        made = loss_and_accuracy(*errors_of(logits, rows))
        return made._replace(statistics=changed["batch_stats"])

    fitting = Fitting(config.epochs * epoch, "nadam", config.schedule, groups=config.groups)
    fitted = make_supervised(init_model, loss, fitting)

    def evaluate(state: SupervisedState, batch: Batch, key: Key) -> Metrics:
        del key
        notes = batch["note"]
        logits, _ = net.apply(fitted.reported(state), notes[:, :-1])
        nats, hits, weight = errors_of(logits, batch)
        held = notes[:, : -len(VOICES)] == notes[:, len(VOICES) :]
        held_accuracy = metrics.mean(held, weight[:, len(VOICES) - 1 :])
        return loss_and_accuracy(nats, hits, weight).metrics | {"held_accuracy": held_accuracy}

    @jax.jit
    def chord_loss(state: SupervisedState, batch: Batch) -> metrics.Mean:
        logits, _ = net.apply(fitted.reported(state), batch["note"][:, :-1])
        nats, _, weight = errors_of(logits, batch)
        of_chords = slice(len(VOICES) - 1, None)
        return metrics.mean(len(VOICES) * nats[:, of_chords], weight[:, of_chords])

    def judge(state: SupervisedState, evaluation: Evaluation, key: Key) -> dict[str, float]:
        del key
        sums = [jax.device_get(chord_loss(state, batch)) for batch in evaluation(WHOLE)]
        total, weight = np.sum(np.array(sums, np.float64), axis=0)
        return {"test/chord_loss": float(total / weight)}

    def read(state: SupervisedState, memory: Any, tokens: jax.Array) -> tuple[Any, jax.Array]:
        logits, memory = net.apply(fitted.reported(state), tokens, memory)
        return memory, logits[:, -1]

    composer = Composer(Writer(vocabulary, net.resting, read), openings)
    compose = make_compose(composer)

    def artifacts(state: SupervisedState, evaluation: Evaluation, key: Key) -> dict[str, Artifact]:
        del evaluation
        chords = vocabulary.decode(jax.device_get(jax.jit(compose)(state, key)))
        return show_chorale(chords, vocabulary)

    def draw(tokens: np.ndarray) -> Images:
        title = "What it composes as training goes on"
        return draw_piano_roll(vocabulary.decode(tokens), vocabulary, title)

    return Experiment(
        init=fitted.init,
        update=fitted.update,
        evaluate=evaluate,
        steps=fitting.steps,
        items_per_step=config.batch_size * (len(VOICES) * (config.window + 1) - 1),
        items="notes",
        data=data,
        groups=config.groups,
        evaluate_every=epoch,
        final=("validation", "test"),
        selection=Selection("validation/loss", larger_is_better=False),
        judge=judge,
        artifacts=artifacts,
        glimpse=Glimpse(compose, draw),
        offers={"composer": composer, "predict": next_note(composer.writer)},
        needs={"vocabulary": vocabulary._asdict(), "openings": openings.tolist()},
    )


def errors_of(logits: jax.Array, batch: Batch) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Nats, whether the likeliest note is right, and weight of each note but the first of a row.

    float32, bool and float32 `[batch, time - 1]`; padding has weight 0.
    """
    targets = batch["note"][:, 1:].astype(jnp.int32)
    nats = optax.softmax_cross_entropy_with_integer_labels(logits, targets)
    is_real = jnp.arange(1, targets.shape[1] + 1) < batch["note/count"][:, None]
    weight = batch["weight"][:, None] * is_real
    return nats, jnp.argmax(logits, axis=-1) == targets, weight


def make_compose(composer: Composer) -> Callable[[Any, Key], jax.Array]:
    """A function (state, key) -> an opening and `LENGTH` chords after it, as int32 `[notes]`."""
    writer, openings = composer
    begins = writer.vocabulary.encode(openings, "an opening").reshape(openings.shape)

    def compose(state: Any, key: Key) -> jax.Array:
        opening_key, key = jax.random.split(key)
        opening = jax.random.choice(opening_key, begins, axis=0).astype(jnp.int32)[None]
        memory = begin_text(writer, state, opening)
        count = len(VOICES) * LENGTH
        _, written = go_on_with(writer, count, state, memory, 0, Sampling(TEMPERATURE), key)
        return jnp.concatenate([opening, written], axis=1)[0]

    return compose
