"""Figures of a split from what `predict` makes of its raw inputs, in NumPy and float64."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from research.data.text import PADDING
from research.engine.experiment import Batch, State
from research.prediction import (
    Classes,
    Inputs,
    Outputs,
    Pictures,
    Predictor,
    Quantities,
    Tokens,
    Translations,
    Values,
    at_first,
)


def make_figures(
    predictor: Predictor, known: int = 0
) -> Callable[[State, Iterable[Batch], Callable[[Any], Any]], dict[str, float]]:
    """(state, batches as `Feed.evaluation` gives them, change) -> figures over all examples.

    `accuracy` and `loss` of a classifier and a language model, `mse` of a forecaster and an
    autoencoder, `whole` and `symbols_right` of a translator. `change` is what is done to the inputs
    before. Of a forecaster, `known` places do not count where each value of the input is forecast.
    """
    apply = jax.jit(partial(_read, predictor) if predictor.carried else predictor.apply)
    split = predictor.split
    assert split is not None

    def figures(
        state: State, batches: Iterable[Batch], change: Callable[[Any], Any] = lambda inputs: inputs
    ) -> dict[str, float]:
        rows = []
        for batch in batches:
            inputs, truth = split(jax.device_get(batch))
            real = np.asarray(batch["weight"]) > 0
            outputs = jax.device_get(apply(state, jax.tree.map(change, inputs)))
            (main,) = (outputs[name] for name in MAIN if name in outputs)
            rows.append((np.asarray(main)[real], truth[real]))
        made, truth = map(np.concatenate, zip(*rows, strict=True))
        return _figures_of(predictor, made, truth, known)

    return figures


MAIN = ("probability", "logits", "mean", "tokens", "image")
"""The output of each kind that its figures are of."""


def _read(predictor: Predictor, state: State, inputs: Inputs) -> Outputs:
    """The logits after each token of texts `[batch, time]`, one after another."""

    def step(carried: Any, token: jax.Array) -> tuple[Any, jax.Array]:
        outputs = predictor.apply(state, {"token": token, **carried})
        return {name: outputs[name] for name in predictor.carried}, outputs["logits"]

    tokens = jnp.asarray(inputs["token"])
    _, logits = jax.lax.scan(step, at_first(predictor, len(tokens)), tokens.T)
    return {"logits": jnp.swapaxes(logits, 0, 1)}


def _figures_of(
    predictor: Predictor, made: np.ndarray, truth: np.ndarray, known: int
) -> dict[str, float]:
    kind = predictor.outputs
    if isinstance(kind, Translations):
        counted = truth != PADDING
        return {
            "whole": float(np.mean((made == truth).all(axis=1))),
            "symbols_right": float(np.mean((made == truth)[counted])),
        }
    made = made.astype(np.float64)
    if isinstance(kind, Tokens):
        counted = truth >= 0
        made, truth = made[counted], truth[counted]
        made = np.exp(made - made.max(axis=1, keepdims=True))
        made /= made.sum(axis=1, keepdims=True)
    if isinstance(kind, Classes | Tokens):
        np.testing.assert_allclose(made.sum(axis=1), 1.0, rtol=1e-5)
        chosen = np.take_along_axis(made, truth[:, None].astype(int), axis=1)
        return {
            "accuracy": float(np.mean(made.argmax(axis=1) == truth)),
            "loss": float(-np.mean(np.log(chosen))),
        }
    if isinstance(kind, Pictures):
        return {"mse": float(np.mean(np.square(made - truth / kind.white)))}
    assert isinstance(kind, Values | Quantities)
    every = isinstance(kind, Quantities) or made.shape[1] <= kind.horizon
    counted = slice(0 if every else known, None)
    return {"mse": float(np.mean(np.square(made - truth)[:, counted]))}


def spoil(inputs: np.ndarray) -> np.ndarray:
    """What is not what the net was trained on, of the same shape and dtype."""
    return inputs[:, ::-1] // 2 if inputs.dtype.kind in "iu" else 1.1 * inputs
