"""Examples of the test split, as a page for a browser offers them."""

from __future__ import annotations

from typing import Any

import numpy as np

from research.export.trials import Model, tested_split
from research.prediction import Classes, Tokens, Translations, Values

COUNT = 12
PROMPT = 40
"""Characters of a text that a page begins with."""


def examples_of(model: Model) -> list[dict[str, Any]]:
    """The first examples, as a user has them, with what is true of each, in JSON values.

    None of what has no data, nor of texts that are told only by their tokens.
    """
    predictor, data = model.predictor, model.experiment.data
    if predictor.split is None or data is None:
        return []
    source = data.splits[tested_split(model.experiment)]
    inputs, truth = predictor.split(source.read(np.arange(min(COUNT, len(source)))))
    outputs = predictor.outputs
    if isinstance(outputs, Classes) and "image" in inputs:
        names = outputs.names()
        pairs = zip(np.asarray(inputs["image"]).tolist(), truth, strict=True)
        return [{"inputs": {"image": image}, "truth": names[label]} for image, label in pairs]
    if isinstance(outputs, Values):
        ahead = np.asarray(truth)[:, -outputs.horizon :].tolist()
        rows = np.asarray(inputs["values"], np.float32).tolist()
        return [
            {"inputs": {"values": row}, "truth": values}
            for row, values in zip(rows, ahead, strict=True)
        ]
    if isinstance(outputs, Translations):
        return [
            {
                "inputs": {"source": outputs.source.decode(source_row)},
                "truth": outputs.target.decode(target_row),
            }
            for source_row, target_row in zip(inputs["source"], truth, strict=True)
        ]
    if isinstance(outputs, Tokens):
        return [
            {"inputs": {"token": "".join(outputs.symbols[token] for token in row[:PROMPT])}}
            for row in inputs["token"]
        ]
    return []
