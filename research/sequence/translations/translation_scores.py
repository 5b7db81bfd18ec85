"""Scores of translations against those of people: BLEU and chrF, by sacrebleu."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from research.data.text import cut
from research.sequence.translations.translator import Translator, write_targets


def scores(made: Sequence[str], true: Sequence[str]) -> dict[str, float]:
    """`bleu` and `chrf` of a corpus, 0 to 100.

    Args:
        made: translations.
        true: what a person wrote for each.

    Sources: Papineni et al. 2002, "BLEU"; Popović 2015, "chrF"; Post 2018 (arXiv 1804.08771), whose
        tokeniser "none" is used: both sides are words already, with a space between two.
    """
    # It takes a third of a second, which only those shall wait for who use it.
    import sacrebleu

    # `force`: that texts look as if they were words already is no mistake here.
    bleu = sacrebleu.corpus_bleu([*made], [[*true]], tokenize="none", force=True)
    chrf = sacrebleu.corpus_chrf([*made], [[*true]])
    return {"bleu": float(bleu.score), "chrf": float(chrf.score)}


def make_measure(
    english: Sequence[str], spanish: Sequence[str], unseen: np.ndarray
) -> Callable[[Translator, Any], Mapping[str, float]]:
    """(translator, state) -> `scores` of what it writes for sentences, each word the likeliest.

    And `unseen_bleu` and `unseen_chrf`, of those whose English was not learned from.

    What people wrote is cut into words as the net's own texts are: lower-case and without
    punctuation. It is neither cut to a length nor to a vocabulary.

    Args:
        english: what is translated.
        spanish: what a person wrote for each.
        unseen: bool `[sentences]`.
    """
    true = [" ".join(cut(text, "words")) for text in spanish]

    def measure(translator: Translator, state: Any) -> Mapping[str, float]:
        pair = translator.pair
        source = pair.sources(english)
        write = jax.jit(partial(write_targets, translator.net, length=pair.target_length))
        made = write(translator.reported(state), jnp.asarray(source)).tokens
        texts = [pair.target.decode(row) for row in np.asarray(made)]
        measured = scores(texts, true)
        if unseen.any():
            chosen = np.flatnonzero(unseen)
            others = scores([texts[k] for k in chosen], [true[k] for k in chosen])
            measured |= {f"unseen_{name}": score for name, score in others.items()}
        return measured

    return measure
