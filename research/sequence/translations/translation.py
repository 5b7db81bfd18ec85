"""Learning to write one sequence from another, as an experiment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax

from research.data.tokens import PADDING, START
from research.engine import metrics
from research.engine.experiment import (
    Artifacts,
    Batch,
    Data,
    Experiment,
    Hyperparameters,
    Key,
)
from research.engine.metrics import Metrics
from research.optimization.accumulation import WeightedLoss
from research.optimization.supervised import Fitting, SupervisedState, Variables, make_supervised
from research.sequence.translations.pairs import Pair, needs_of
from research.sequence.translations.translator import Net, Translator, write_targets


def make_translation(
    net: Net,
    pair: Pair,
    data: Data | None,
    hyperparameters: Mapping[str, float],
    fitting: Fitting,
    *,
    batch_size: int,
    evaluate_every: int,
    final: tuple[str, ...] = ("test",),
    written: bool = False,
    measure: Callable[[Translator, Any], Mapping[str, float]] | None = None,
    artifacts: Callable[[Translator], Artifacts] | None = None,
) -> Experiment:
    """An experiment that trains a translating net by cross-entropy, given the target so far.

    A batch holds `source` and `target`, int `[batch, source_length]` and `[batch, target_length]`,
    padded, each target with its `END`; and `weight`. Metrics are means over the symbols of targets,
    `END` among them and padding not: `loss` in nats, and `accuracy`, given the true symbols before.

    Args:
        net: reads and writes.
        pair: the languages.
        data: what is fed; None for a model that is only used.
        hyperparameters: those of `make_optimizer`, and `dropout_rate` where the net has one.
        fitting: how it learns.
        batch_size: pairs in an update.
        evaluate_every: updates between evaluations.
        final: splits evaluated once, at the end.
        written: whether evaluated sources are also written by the net alone, each symbol the
            likeliest: `whole`, the share of targets that are right from end to end, and
            `symbols_right`, that of their symbols.
        measure: (translator, state) -> figures computed at the end.
        artifacts: of a translator, what a report shows.
    """

    def init_model(key: Key) -> Variables:
        one = jnp.ones((1, 1), jnp.int32)
        return net.init(key, one, one)

    def loss(variables: Variables, rows: Batch, key: Key, values: Hyperparameters) -> WeightedLoss:
        logits, _ = net.apply(
            variables,
            rows["source"],
            given(rows["target"]),
            training=True,
            dropout_rate=values.get("dropout_rate", 0.0),
            rngs={"dropout": key},
        )
        told = figures(logits, rows["target"], rows["weight"])
        return WeightedLoss(*told["loss"], dict(told))

    fitted = make_supervised(init_model, loss, fitting)

    def evaluate(state: SupervisedState, batch: Batch, key: Key) -> Metrics:
        del key
        variables, target = fitted.reported(state), batch["target"]
        logits, _ = net.apply(variables, batch["source"], given(target))
        told: Metrics = dict(figures(logits, target, batch["weight"]))
        if written:
            made = write_targets(net, variables, batch["source"], pair.target_length)
            told |= figures_of_written(made.numbers, target, batch["weight"])
        return told

    translator = Translator(pair, net, fitted.reported)
    return Experiment(
        init=fitted.init,
        update=fitted.update,
        evaluate=evaluate,
        steps=fitting.steps,
        items_per_step=batch_size,
        items="pairs",
        hyperparameters=hyperparameters,
        data=data,
        groups=fitting.groups,
        evaluate_every=evaluate_every,
        final=final,
        measure=None if measure is None else lambda state: measure(translator, state),
        artifacts=None if artifacts is None else artifacts(translator),
        translator=translator,
        needs=needs_of(pair),
    )


def given(target: jax.Array) -> jax.Array:
    """What the net is given of targets, int `[batch, time]`: `START`, and all but the last."""
    return jnp.pad(target[:, :-1], ((0, 0), (1, 0)), constant_values=START)


def figures(logits: jax.Array, target: jax.Array, weight: jax.Array) -> dict[str, metrics.Mean]:
    """What is told of symbols that are no padding.

    Args:
        logits: float32 `[batch, time, symbols]`.
        target: int `[batch, time]`.
        weight: float32 `[batch]`.
    """
    nats = optax.softmax_cross_entropy_with_integer_labels(logits, target)
    each = weight[:, None] * (target != PADDING)
    return {
        "loss": metrics.mean(nats, each),
        "accuracy": metrics.mean(jnp.argmax(logits, axis=-1) == target, each),
    }


def figures_of_written(
    made: jax.Array, target: jax.Array, weight: jax.Array
) -> dict[str, metrics.Mean]:
    """What is told of targets that the net wrote alone: `whole` and `symbols_right`.

    Args:
        made: int `[batch, time]`, padded after its end.
        target: likewise.
        weight: float32 `[batch]`.
    """
    right = made == target
    return {
        "whole": metrics.mean(jnp.all(right, axis=1), weight),
        "symbols_right": metrics.mean(right, weight[:, None] * (target != PADDING)),
    }
