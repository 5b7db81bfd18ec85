"""Learning to say which character comes next, as an experiment; the state of a text is carried."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from research.data.vocabulary import Vocabulary
from research.engine import metrics
from research.engine.experiment import Batch, Data, Experiment, Hyperparameters, Key, Selection
from research.engine.metrics import Metrics
from research.optimization.accumulation import WeightedLoss
from research.optimization.supervised import (
    Fitting,
    SupervisedState,
    Variables,
    make_supervised,
)
from research.sequence.characters.character_net import CharacterNet
from research.sequence.characters.writing import Writer, make_glimpse
from research.sequence.transformer import CharacterTransformer


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
        """All but what is carried."""
        return SupervisedState(*self[:-1])


def make_language_model(
    net: CharacterNet | CharacterTransformer,
    data: Data | None,
    hyperparameters: Mapping[str, float],
    fitting: Fitting,
    *,
    batch_size: int,
    window: int,
    windows: int | None,
    evaluate_every: int,
    vocabulary: Vocabulary | None = None,
    selection: Selection | None = None,
) -> Experiment:
    """An experiment that trains a character model by cross-entropy.

    A batch holds `symbol`, int `[batch, time + 1]`: characters, each but the first being the target
    of the one before; and `weight`. Its metrics are means over characters: `loss` in nats, `bits`
    of the same, and `accuracy`. Each row of an evaluated split is read from its beginning, without
    dropout, with states that remember nothing.

    Args:
        net: says what comes next.
        data: what is fed; None for a model that is only used.
        hyperparameters: those of `make_optimizer`, and `dropout_rate`.
        fitting: how it learns.
        batch_size: rows in an update.
        window: inputs in a window.
        windows: after how many windows the rows begin anew, and what is carried with them; None
            where every window begins anew. Gradients end at a window's start.
        evaluate_every: updates between evaluations.
        vocabulary: of the characters, for those who let it write.
        selection: which checkpoint is reported.
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
        told = figures(logits, rows["symbol"][:, 1:], rows["weight"])
        kept = states if windows is not None else ()
        total, count = told["loss"]
        return WeightedLoss(total, count, dict(told), kept=kept)

    fitted = make_supervised(init_model, loss, fitting)

    def init(key: Key, hyperparameters: Hyperparameters) -> LanguageModelState:
        learned = fitted.init(key, hyperparameters)
        carried = net.resting(batch_size) if windows is not None else None
        return LanguageModelState(*learned, carried)

    def update(
        state: LanguageModelState, batch: Batch, key: Key
    ) -> tuple[LanguageModelState, Metrics]:
        rows, carried = dict(batch), state.carried
        if windows is not None:
            begins = state.step % windows == 0
            rows["carried"] = jax.tree.map(lambda leaf: jnp.where(begins, 0.0, leaf), carried)
        learned, told, kept = fitted.learn(state.learned, rows, key)
        return LanguageModelState(*learned, kept if windows is not None else None), told

    def evaluate(state: LanguageModelState, batch: Batch, key: Key) -> Metrics:
        del key
        logits, _ = net.apply(fitted.reported(state.learned), batch["symbol"][:, :-1])
        return dict(figures(logits, batch["symbol"][:, 1:], batch["weight"]))

    def read(state: LanguageModelState, memory: Any, numbers: jax.Array) -> tuple[Any, jax.Array]:
        logits, memory = net.apply(fitted.reported(state.learned), numbers, memory)
        return memory, logits[:, -1]

    writer = None if vocabulary is None else Writer(vocabulary, net.resting, read)
    return Experiment(
        init=init,
        update=update,
        evaluate=evaluate,
        steps=fitting.steps,
        items_per_step=batch_size * window,
        items="characters",
        hyperparameters=hyperparameters,
        data=data,
        groups=fitting.groups,
        evaluate_every=evaluate_every,
        # Validation too, of the state that is reported: what others have figures of.
        final=("validation", "test"),
        selection=selection,
        glimpse=None if writer is None else make_glimpse(writer),
        writer=writer,
        needs=None if vocabulary is None else {"vocabulary": vocabulary._asdict()},
    )


def figures(logits: jax.Array, targets: jax.Array, weight: jax.Array) -> dict[str, metrics.Mean]:
    """What is told of characters: `loss` in nats, `bits`, and `accuracy`.

    Args:
        logits: float32 `[batch, time, symbols]`.
        targets: int `[batch, time]`.
        weight: float32 `[batch]`.
    """
    nats = optax.softmax_cross_entropy_with_integer_labels(logits, targets.astype(jnp.int32))
    each = jnp.broadcast_to(weight[:, None], nats.shape)
    return {
        "loss": metrics.mean(nats, each),
        "bits": metrics.mean(nats / math.log(2.0), each),
        "accuracy": metrics.mean(jnp.argmax(logits, axis=-1) == targets, each),
    }
