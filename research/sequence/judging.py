"""Telling sequences of two kinds apart, as an experiment."""

from __future__ import annotations

from collections.abc import Mapping

import flax.linen as nn
import jax
import jax.numpy as jnp

from research.engine import metrics
from research.engine.experiment import Batch, Data, Experiment, Hyperparameters, Key
from research.engine.metrics import Metrics
from research.optimization.accumulation import WeightedLoss
from research.optimization.supervised import Fitting, SupervisedState, Variables, make_supervised
from research.sequence.recurrent_layers import RecurrentLayers
from research.sequence.sentiment import figures


class Judge(nn.Module):
    """Symbols -> a recurrent layer -> how much speaks for a sequence, from its last state.

    Attributes:
        symbols: how many there are, with 0, which pads.
        cell: name of a kind in `research.layers.cells.CELLS`.
        units: of the layer.
        embedding: numbers that a symbol becomes, learned.
    """

    symbols: int
    cell: str
    units: int
    embedding: int

    @nn.compact
    def __call__(self, numbers: jax.Array) -> jax.Array:
        """Logits float32 `[batch]` that a sequence is of kind 1.

        Args:
            numbers: int `[batch, time]`, of symbols; 0 after a sequence's end, which changes
                nothing.
        """
        shown = nn.Embed(self.symbols, self.embedding)(numbers)
        layer = RecurrentLayers(self.cell, (self.units,))
        _, (states,) = layer(shown, mask=numbers > 0)
        return nn.Dense(1, name="logit")(states[0])[:, 0]


def make_judging(
    net: Judge,
    data: Data,
    hyperparameters: Mapping[str, float],
    fitting: Fitting,
    *,
    column: str,
    target: str,
    batch_size: int,
    evaluate_every: int,
) -> Experiment:
    """An experiment that trains a judge by cross-entropy.

    Its metrics are means over sequences: `loss` in nats, and `accuracy`.

    Args:
        net: judges.
        data: what is fed.
        hyperparameters: those of `make_optimizer`.
        fitting: how it learns.
        column: of the symbols, int `[batch, time]`, padded with 0.
        target: of the kind, int `[batch]`, 0 or 1.
        batch_size: sequences in an update.
        evaluate_every: updates between evaluations.
    """

    def init_model(key: Key) -> Variables:
        return net.init(key, jnp.ones((1, 1), jnp.int32))

    def told_of(variables: Variables, rows: Batch) -> dict[str, metrics.Mean]:
        return figures(net.apply(variables, rows[column]), rows[target], rows["weight"])

    def loss(variables: Variables, rows: Batch, key: Key, values: Hyperparameters) -> WeightedLoss:
        del key, values
        told = told_of(variables, rows)
        return WeightedLoss(*told["loss"], dict(told), {})

    fitted = make_supervised(init_model, loss, fitting)

    def evaluate(state: SupervisedState, batch: Batch, key: Key) -> Metrics:
        del key
        return dict(told_of(fitted.reported(state), batch))

    return Experiment(
        init=fitted.init,
        update=fitted.update,
        evaluate=evaluate,
        steps=fitting.steps,
        items_per_step=batch_size,
        items="sequences",
        hyperparameters=hyperparameters,
        data=data,
        groups=fitting.groups,
        evaluate_every=evaluate_every,
    )
