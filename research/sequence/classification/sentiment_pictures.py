"""Pictures of a classifier of texts for a report: mistakes, certainty, the strongest words."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from research.data.text import SIGNS, Vocabulary
from research.engine.artifacts import Artifact, Confusion, Histogram, Passages
from research.engine.experiment import Batch, Evaluation

MISTAKES = 8
"""Mistakes in a report."""
STRONGEST = 40
"""Words in a report for each class."""
LONGEST = 600
"""Characters of a text in a report."""


def show_predictions(
    classify: Callable[[Batch], jax.Array],
    evaluation: Evaluation,
    texts: Mapping[str, Sequence[str]],
    classes: tuple[str, str],
) -> dict[str, Artifact]:
    """Confusion matrix, histogram of probabilities, and the worst mistakes of the test split.

    Args:
        classify: batch -> probabilities of being positive, float32 `[batch]`.
        evaluation: (split) -> its batches in order, with `label` and `weight`.
        texts: of each split, in the same order.
        classes: names of the labels 0 and 1.
    """
    found, labels = [], []
    for batch in evaluation("test"):
        real = np.asarray(batch["weight"]) > 0
        found.append(np.asarray(classify(batch))[real])
        labels.append(np.asarray(batch["label"])[real])
    probability, label = np.concatenate(found), np.concatenate(labels)
    taken = (probability > 0.5).astype(int)
    counts = np.zeros((2, 2), np.int64)
    np.add.at(counts, (label, taken), 1)
    wrong = np.flatnonzero(taken != label)
    note = f"All {len(label):,} reviews of the test split; {len(wrong):,} are mistakes."
    each = np.full((2, len(label)), np.nan)
    for number in (0, 1):
        each[number, label == number] = probability[label == number]
    made: dict[str, Artifact] = {
        "confusion": Confusion("Confusion matrix", counts, classes, note),
        "certainty": Histogram("How sure it is", each, classes, "probability of being positive"),
    }
    # How far from the truth, the furthest first; of equals, the first.
    order = np.argsort(-np.abs(probability[wrong] - label[wrong]), kind="stable")
    worst = wrong[order][:MISTAKES].tolist()
    if worst:
        mistaken = (texts["test"][row].replace("<br />", " ") for row in worst)
        made["mistakes"] = Passages(
            "The worst mistakes",
            tuple(textwrap.shorten(text, LONGEST, placeholder=" …") for text in mistaken),
            tuple(
                f"{classes[label[row]]}; judged positive with probability {probability[row]:.4f}"
                for row in worst
            ),
            f"The {len(worst)} of {len(wrong):,} mistakes furthest from the truth; long reviews "
            "are cut.",
        )
    return made


def show_strongest(
    weight: Any, vocabulary: Vocabulary, classes: tuple[str, str]
) -> dict[str, Artifact]:
    """The tokens that count most for either class, by what each `weight` adds to the logit."""
    weight = np.asarray(weight)
    rising = len(SIGNS) + np.argsort(weight[len(SIGNS) :], kind="stable")

    def listed(order: np.ndarray) -> str:
        chosen = order[:STRONGEST]
        return "  ·  ".join(
            f"{vocabulary.decode([token])} {weight[token]:+.2f}" for token in chosen.tolist()
        )

    return {
        "strongest": Passages(
            "The strongest words",
            (listed(rising), listed(rising[::-1])),
            tuple(f"for {name}" for name in classes),
            "With what each adds to the logit of a review's being positive.",
        )
    }
