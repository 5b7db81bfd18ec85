"""Figures of a split from what `predict` makes of its raw inputs, in NumPy and float64."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import jax
import numpy as np

from research.engine.experiment import Batch, State
from research.prediction import Classes, Predictor


def figures_of(
    predictor: Predictor,
    state: State,
    batches: Iterable[Batch],
    change: Callable[[Any], Any] = lambda inputs: inputs,
    known: int = 0,
) -> dict[str, float]:
    """`accuracy` and `loss` of a classifier, `mse` of a forecaster, over the examples of a split.

    Args:
        predictor: of the experiment.
        state: of it.
        batches: as `Feed.evaluation` gives them.
        change: what is done to the inputs before.
        known: places that do not count, where each value of the input is forecast too.
    """
    apply = jax.jit(predictor.apply)
    name = "probability" if isinstance(predictor.outputs, Classes) else "mean"
    rows = []
    for batch in batches:
        inputs, truth = predictor.split(jax.device_get(batch))
        real = np.asarray(batch["weight"]) > 0
        outputs = jax.device_get(apply(state, jax.tree.map(change, inputs)))
        rows.append((np.asarray(outputs[name], np.float64)[real], truth[real]))
    made, truth = map(np.concatenate, zip(*rows, strict=True))
    if isinstance(predictor.outputs, Classes):
        np.testing.assert_allclose(made.sum(axis=1), 1.0, rtol=1e-5)
        chosen = np.take_along_axis(made, truth[:, None].astype(int), axis=1)
        return {
            "accuracy": float(np.mean(made.argmax(axis=1) == truth)),
            "loss": float(-np.mean(np.log(chosen))),
        }
    counted = slice(known if made.shape[1] > predictor.outputs.horizon else 0, None)
    return {"mse": float(np.mean(np.square(made - truth)[:, counted]))}


def spoil(inputs: np.ndarray) -> np.ndarray:
    """What is not what the net was trained on, of the same shape and dtype."""
    return inputs[:, ::-1] // 2 if inputs.dtype.kind in "iu" else 1.1 * inputs
