"""Pictures of a translator for a report: translations, and maps of attention."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from research.data.text import END, PADDING, SIGNS
from research.engine.artifacts import Artifact, Images, Passages
from research.engine.experiment import Artifacts, Evaluation, Key
from research.sequence.translations.translator import Translator, shift_right, write_targets

SHOWN = 24
"""Translations."""

MAPS = 6
"""Maps of attention."""


def make_pictures(translator: Translator) -> Artifacts:
    """Makes pictures of validation texts: their translations, and maps of attention if any."""
    pair, net = translator.pair, translator.net

    @jax.jit
    def written(variables: Any, source: jax.Array) -> tuple[jax.Array, jax.Array | None]:
        made = write_targets(net, variables, source, pair.target_length).tokens
        # With its own output as input, attention is what it was in decoding.
        _, weights = net.apply(variables, source, shift_right(made))
        return made, weights

    def artifacts(state: Any, evaluation: Evaluation, key: Key) -> Mapping[str, Artifact]:
        del key
        batch = jax.device_get(next(iter(evaluation("validation"))))
        rows = np.flatnonzero(batch["weight"] > 0)[:SHOWN]
        source, target = batch["source"][rows], batch["target"][rows]
        made, weights = jax.device_get(written(translator.reported(state), jnp.asarray(source)))
        found: dict[str, Artifact] = {
            "translations": Passages(
                "Validation texts, translated",
                tuple(
                    f"{pair.target.decode(row)}\n(true: {pair.target.decode(true)})"
                    for row, true in zip(made, target, strict=True)
                ),
                tuple(pair.source.decode(row) for row in source),
                "Above each what was read, with what is not in the vocabulary as "
                f"{SIGNS[3]}; then what was written, each token the likeliest; then what is true.",
            )
        }
        if weights is not None:
            # Those in which most was read and written, whose maps are the largest.
            most = (source != PADDING).sum(1) + (made != PADDING).sum(1)
            chosen = np.argsort(-most, kind="stable")[:MAPS]
            found["attention"] = show_attention(
                translator, source[chosen], made[chosen], weights[chosen]
            )
        return found

    return artifacts


def show_attention(
    translator: Translator, source: np.ndarray, made: np.ndarray, weights: np.ndarray
) -> Images:
    """Weights of attention as pictures: a column for each token read, a row for each written."""
    pair = translator.pair
    columns = int((source != PADDING).sum(1).max())
    rows = int((made != PADDING).sum(1).max())
    written = (made != PADDING)[:, :rows, None]
    captions = []
    for read, wrote in zip(source, made, strict=True):
        parts = pair.target.spell(wrote) + [SIGNS[END]] * (END in wrote)
        joint = "" if pair.source.unit == "characters" else " "
        captions.append(f"across: {joint.join(pair.source.spell(read))}\ndown: {joint.join(parts)}")
    return Images(
        "Where it looks as it writes",
        np.where(written, weights[:, :rows, :columns], 0.0).astype(np.float32),
        0.0,
        1.0,
        tuple(captions),
        note="Across what was read, down what was written; white is all of the attention.",
    )
