"""Binary classification of sequences as an experiment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax

from research.engine.artifacts import Artifact
from research.engine.experiment import (
    Batch,
    Data,
    Evaluation,
    Experiment,
    Hyperparameters,
    Key,
    Selection,
)
from research.engine.metrics import Metrics
from research.optimization.descent import WeightedLoss, loss_and_accuracy
from research.optimization.optimizers import OptimizerName
from research.optimization.supervised import Fitting, SupervisedState, Variables, make_supervised
from research.options.config import Config
from research.options.ranges import AMOUNT, COUNT, POSITIVE, Divides
from research.prediction import Classes, Inputs, Outputs, Own, Predictor

Show = Callable[[Callable[[Batch], jax.Array], Variables, Evaluation], Mapping[str, Artifact]]
"""(batch -> probabilities of being positive, float32 `[batch]`; variables; evaluation) -> pictures
for a report."""


@dataclass(frozen=True)
class SequenceClassification(Config):
    """Options of every net that classifies sequences."""

    epochs: Annotated[int, "passes over the training sequences", AMOUNT] = 10
    batch_size: Annotated[int, "sequences in one update", COUNT] = 64
    groups: Annotated[
        int, "equal parts of a batch, which devices can share", COUNT, Divides(("batch_size",))
    ] = 1
    learning_rate: Annotated[float, "the largest step size, falling by cosine", POSITIVE] = 3e-3


def make_binary_classifier(
    config: SequenceClassification,
    net: nn.Module,
    data: Data | None,
    *,
    optimizer: OptimizerName,
    epoch: int,
    items: str,
    classes: tuple[str, str],
    read: Callable[[str], Own],
    takes: str,
    length: int,
    show: Show | None = None,
) -> Experiment:
    """An experiment that trains a classifier of sequences by binary cross-entropy.

    A batch holds `token`, int `[batch, length]`; `label`, int `[batch]`, 1 for the positive
    class; and `weight`. Its metrics are means over sequences: `loss` in nats, and `accuracy`.
    The checkpoint with the highest validation accuracy is reported.

    Args:
        config: the options; where it has a `dropout_rate` or a `word_dropout_rate`, these count
            too.
        net: called with tokens, `training`, `dropout_rate` and `word_dropout_rate`; draws from the
            stream "dropout"; gives logits `[batch]`.
        data: batches; None for one that is only used.
        optimizer: see `make_optimizer`.
        epoch: updates in a pass over the training sequences.
        items: what these are called.
        classes: what the labels 0 and 1 say.
        read: a text -> its `token`, int `[1, length]`. Raises `Mistake`.
        takes: what it reads, for people.
        length: tokens in a sequence at most.
        show: makes pictures for a report.
    """

    def init_model(key: Key) -> Variables:
        return net.init(key, jnp.ones((1, 1), jnp.int32))

    def loss(variables: Variables, rows: Batch, key: Key, values: Hyperparameters) -> WeightedLoss:
        logits = net.apply(
            variables,
            rows["token"].astype(jnp.int32),
            training=True,
            dropout_rate=values.get("dropout_rate", 0.0),
            word_dropout_rate=values.get("word_dropout_rate", 0.0),
            rngs={"dropout": key},
        )
        return prediction_loss(logits, rows["label"], rows["weight"])

    steps = config.epochs * epoch
    fitting = Fitting(steps, optimizer, "cosine", groups=config.groups)
    fitted = make_supervised(init_model, loss, fitting)

    def logits_of(variables: Variables, batch: Batch) -> jax.Array:
        logits: jax.Array = net.apply(variables, batch["token"].astype(jnp.int32))
        return logits

    def evaluate(state: SupervisedState, batch: Batch, key: Key) -> Metrics:
        del key
        logits = logits_of(fitted.reported(state), batch)
        return prediction_loss(logits, batch["label"], batch["weight"]).metrics

    def predict(state: SupervisedState, inputs: Inputs) -> Outputs:
        logits = logits_of(fitted.reported(state), inputs)
        return {"probability": jax.nn.sigmoid(jnp.stack([-logits, logits], axis=-1))}

    def artifacts(
        state: SupervisedState, evaluation: Evaluation, key: Key
    ) -> Mapping[str, Artifact]:
        del key
        assert show is not None
        variables = fitted.reported(state)
        classify: Any = jax.jit(
            lambda variables, batch: jax.nn.sigmoid(logits_of(variables, batch))
        )
        return show(lambda batch: classify(variables, batch), variables, evaluation)

    return Experiment(
        init=fitted.init,
        update=fitted.update,
        evaluate=evaluate,
        steps=steps,
        items_per_step=config.batch_size,
        items=items,
        data=data,
        groups=config.groups,
        evaluate_every=epoch,
        selection=Selection("validation/accuracy"),
        artifacts=None if show is None else artifacts,
        offers={
            "predict": Predictor(
                apply=predict,
                examples={"token": jax.ShapeDtypeStruct((1, length), jnp.int32)},
                outputs=Classes(lambda: classes),
                split=lambda batch: ({"token": batch["token"]}, np.asarray(batch["label"])),
                read=read,
                takes=takes,
            )
        },
    )


def prediction_loss(logits: jax.Array, label: jax.Array, weight: jax.Array) -> WeightedLoss:
    """Binary cross-entropy, nats, of logits `[batch]` of being positive, which label 1 is."""
    nats = optax.sigmoid_binary_cross_entropy(logits, label.astype(jnp.float32))
    return loss_and_accuracy(nats, (logits > 0) == (label == 1), weight)
