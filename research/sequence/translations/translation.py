"""Translation of sequences as an experiment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import jax
import jax.numpy as jnp
import optax

from research.data.order import steps_per_epoch
from research.data.text import PADDING
from research.engine import metrics
from research.engine.experiment import Batch, Data, Experiment, Hyperparameters, Key
from research.engine.metrics import Metrics
from research.optimization.descent import WeightedLoss, loss_and_accuracy
from research.optimization.supervised import Fitting, SupervisedState, Variables, make_supervised
from research.options.config import Config
from research.options.ranges import AMOUNT, COUNT, POSITIVE, Divides
from research.sequence.translations.pairs import Pair, needs_of
from research.sequence.translations.translation_pictures import make_pictures
from research.sequence.translations.translator import (
    Net,
    Translator,
    make_predictor,
    shift_right,
    write_targets,
)


@dataclass(frozen=True)
class Translation(Config):
    """Options of every translating net."""

    epochs: Annotated[int, "passes over the training pairs", AMOUNT] = 10
    batch_size: Annotated[int, "pairs in one update", COUNT] = 32
    groups: Annotated[
        int, "equal parts of a batch, which devices can share", COUNT, Divides(("batch_size",))
    ] = 1
    learning_rate: Annotated[float, "Adam's largest step size, falling by cosine", POSITIVE] = 2e-3
    gradient_norm: Annotated[float, "global norm that gradients are clipped to", POSITIVE] = 1.0

    def fitting(self, pairs: int) -> Fitting:
        """The fitting of a net to so many pairs."""
        steps = self.epochs * steps_per_epoch(pairs, self.batch_size)
        return Fitting(steps, "adam", "cosine", groups=self.groups)


def make_translation(
    config: Translation,
    net: Net,
    pair: Pair,
    data: Data | None,
    *,
    pairs: int,
    final: tuple[str, ...] = ("test",),
    written: bool = False,
    judge: Callable[[Translator, Any], Mapping[str, float]] | None = None,
) -> Experiment:
    """An experiment that trains a translating net by cross-entropy, given the target so far.

    A batch holds `source` and `target`, int `[batch, source_length]` and `[batch, target_length]`,
    padded, each target with its `END`; and `weight`. Metrics are means over the tokens of targets,
    `END` among them and padding not: `loss` in nats, and `accuracy`, given the true tokens before.

    Args:
        config: the options; where it has a `dropout_rate`, that counts too.
        net: reads and writes.
        pair: the languages.
        data: batches; None for a model that is only used.
        pairs: in the training split.
        final: splits evaluated once, at the end.
        written: whether evaluated sources are also written by the net alone, each token the
            likeliest: `whole`, the share of targets that are right from end to end, and
            `symbols_right`, that of their tokens.
        judge: (translator, state) -> figures computed at the end.
    """

    def init_model(key: Key) -> Variables:
        one = jnp.ones((1, 1), jnp.int32)
        return net.init(key, one, one)

    def loss(variables: Variables, rows: Batch, key: Key, values: Hyperparameters) -> WeightedLoss:
        logits, _ = net.apply(
            variables,
            rows["source"],
            shift_right(rows["target"]),
            training=True,
            dropout_rate=values.get("dropout_rate", 0.0),
            rngs={"dropout": key},
        )
        return prediction_loss(logits, rows["target"], rows["weight"])

    fitting = config.fitting(pairs)
    fitted = make_supervised(init_model, loss, fitting)

    def evaluate(state: SupervisedState, batch: Batch, key: Key) -> Metrics:
        del key
        variables, target = fitted.reported(state), batch["target"]
        logits, _ = net.apply(variables, batch["source"], shift_right(target))
        measured = prediction_loss(logits, target, batch["weight"]).metrics
        if written:
            made = write_targets(net, variables, batch["source"], pair.target_length)
            measured |= written_metrics(made.tokens, target, batch["weight"])
        return measured

    translator = Translator(pair, net, fitted.reported)
    return Experiment(
        init=fitted.init,
        update=fitted.update,
        evaluate=evaluate,
        steps=fitting.steps,
        items_per_step=config.batch_size,
        items="pairs",
        data=data,
        groups=config.groups,
        evaluate_every=steps_per_epoch(pairs, config.batch_size),
        final=final,
        judge=None if judge is None else lambda state, *_: judge(translator, state),
        artifacts=make_pictures(translator),
        offers={"translator": translator, "predict": make_predictor(translator)},
        needs=needs_of(pair),
    )


def prediction_loss(logits: jax.Array, target: jax.Array, weight: jax.Array) -> WeightedLoss:
    """Cross-entropy, nats, of logits `[batch, time, vocabulary]`, of tokens that are no padding."""
    nats = optax.softmax_cross_entropy_with_integer_labels(logits, target)
    each = weight[:, None] * (target != PADDING)
    return loss_and_accuracy(nats, jnp.argmax(logits, axis=-1) == target, each)


def written_metrics(made: jax.Array, target: jax.Array, weight: jax.Array) -> Metrics:
    """Of targets `[batch, time]` that the net wrote alone: `whole` and `symbols_right`."""
    right = made == target
    return {
        "whole": metrics.mean(jnp.all(right, axis=1), weight),
        "symbols_right": metrics.mean(right, weight[:, None] * (target != PADDING)),
    }
