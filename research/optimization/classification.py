"""Classification as an experiment: a net's logits, cross-entropy, and what is shown of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
import optax

from research.engine import metrics
from research.engine.artifacts import Artifact, Confusion
from research.engine.experiment import (
    Batch,
    Data,
    Evaluation,
    Experiment,
    Hyperparameters,
    Key,
    Needs,
    Selection,
)
from research.engine.metrics import Metrics
from research.optimization.descent import WeightedLoss, loss_and_accuracy
from research.optimization.supervised import Fitting, SupervisedState, Variables, make_supervised
from research.prediction import Classes, Inputs, Outputs, Own, Predictor

Logits: TypeAlias = Callable[[Variables, Inputs, Key | None, Hyperparameters], jax.Array]
"""(variables, inputs, key in training, hyperparameters) -> logits `[batch, classes]`."""


class Classified(NamedTuple):
    """What is classified, and by what.

    Attributes:
        init: key -> the variables at the start.
        logits: of inputs.
        inputs: name -> shape and dtype of a batch of one. A batch has these and `label`, int
            `[batch]`.
        classes: their names, in the order of their numbers.
        read: as `Predictor.read`.
        takes: as `Predictor.takes`.
        missing: as `Predictor.missing`.
        categories: as `Predictor.categories`.
        needs: as `Experiment.needs`.
        items: what examples are called.
    """

    init: Callable[[Key], Variables]
    logits: Logits
    inputs: Mapping[str, jax.ShapeDtypeStruct]
    classes: tuple[str, ...]
    read: Callable[[str], Own]
    takes: str
    missing: bool
    needs: Needs
    items: str
    categories: Mapping[str, tuple[str, ...]] = MappingProxyType({})


def make_classification(
    what: Classified, data: Data | None, fitting: Fitting, batch_size: int, epoch: int
) -> Experiment:
    """An experiment that learns classes by cross-entropy.

    Its metrics are `loss` in nats and `accuracy`, means over examples. The checkpoint with the
    highest validation accuracy is reported.

    Args:
        what: the net and its inputs.
        data: with splits `train`, `validation`, `test`; None for an experiment that is only used.
        fitting: how it learns.
        batch_size: examples in one update.
        epoch: updates in a pass over the training examples.
    """

    def inputs_of(batch: Batch) -> Inputs:
        return {name: batch[name] for name in what.inputs}

    def loss(variables: Variables, rows: Batch, key: Key, values: Hyperparameters) -> WeightedLoss:
        logits = what.logits(variables, inputs_of(rows), key, values)
        return classification_loss(logits, rows["label"], rows["weight"])

    fitted = make_supervised(what.init, loss, fitting)

    def logits_of(state: SupervisedState, inputs: Inputs) -> jax.Array:
        return what.logits(fitted.reported(state), inputs, None, state.hyperparameters)

    def evaluate(state: SupervisedState, batch: Batch, key: Key) -> Metrics:
        del key
        logits = logits_of(state, inputs_of(batch))
        label, weight = batch["label"], batch["weight"]
        taken = metrics.confusion(label, jnp.argmax(logits, axis=-1), logits.shape[-1], weight)
        return classification_loss(logits, label, weight).metrics | {"confusion": taken}

    def predict(state: SupervisedState, inputs: Inputs) -> Outputs:
        return {"probability": jax.nn.softmax(logits_of(state, inputs))}

    def artifacts(
        state: SupervisedState, evaluation: Evaluation, key: Key
    ) -> Mapping[str, Artifact]:
        del state, evaluation, key
        return {"confusion": Confusion("Confusion matrix", "test/confusion", what.classes)}

    return Experiment(
        init=fitted.init,
        update=fitted.update,
        evaluate=evaluate,
        steps=fitting.steps,
        items_per_step=batch_size,
        items=what.items,
        data=data,
        groups=fitting.groups,
        evaluate_every=epoch,
        selection=Selection("validation/accuracy"),
        artifacts=artifacts,
        offers={
            "predict": Predictor(
                apply=predict,
                examples=what.inputs,
                outputs=Classes(lambda: what.classes),
                split=lambda batch: (inputs_of(batch), np.asarray(batch["label"])),
                read=what.read,
                takes=what.takes,
                missing=what.missing,
                categories=what.categories,
            )
        },
        needs=what.needs,
    )


def classification_loss(logits: jax.Array, label: jax.Array, weight: jax.Array) -> WeightedLoss:
    """Cross-entropy, nats, of logits `[batch, classes]`."""
    losses = optax.softmax_cross_entropy_with_integer_labels(logits, label)
    return loss_and_accuracy(losses, jnp.argmax(logits, axis=-1) == label, weight)
