"""Which figure of a run matters most, and in which direction it is good: one rule for all."""

from __future__ import annotations

from collections.abc import Iterable

SPLITS = ("test", "evaluation", "validation")
"""Where figures are looked for, the most telling first; then other splits, `train` last."""

KINDS = {
    # Only models of symbols have it, and then it says more than how often the likeliest was right.
    "bits": False,
    "accuracy": True,
    "episode_return": True,
    "return": True,
    "reward": True,
    "success_rate": True,
    "whole": True,
    "score": True,
    "f1": True,
    "precision": True,
    "recall": True,
    "auc": True,
    "r2": True,
    "evidence_lower_bound": True,
    "elbo": True,
    "log_likelihood": True,
    "bits_per_character": False,
    "bits_per_byte": False,
    "bits_per_dimension": False,
    "perplexity": False,
    "fid": False,
    "error_rate": False,
    "error": False,
    "rmse": False,
    "mse": False,
    "mae": False,
    "negative_log_likelihood": False,
    "nll": False,
    "distance": False,
    "residual": False,
    "divergence": False,
    "loss": False,
}
"""Kind of figure -> whether larger is better, in the order in which they are preferred."""


def headline(names: Iterable[str], named: str = "") -> str | None:
    """The name of the figure that matters most, or None where there is none.

    The one that the experiment names, where the run has it. Else the first split of `SPLITS` that
    was measured decides (then any other, then `train`), and in it the first of `KINDS`: test
    accuracy before validation accuracy, accuracy before loss. A name that is just the kind goes
    before one that ends in it (`mse` before `naive_mse`).

    Args:
        names: flat names, `test/accuracy`.
        named: `Experiment.headline`, or "".
    """
    names = list(names)
    figures = [name for name in names if "/" in name]
    return named if named and named in names else min(figures, key=rank, default=None)


def larger_is_better(name: str) -> bool | None:
    """Whether a larger value of this figure is better; None where its name does not tell."""
    found = _kind(name.rpartition("/")[2])
    return None if found is None else KINDS[found]


def matching(word: str, names: Iterable[str]) -> list[str]:
    """The figures that `word` may stand for: the full name, else its last part, in order."""
    names = list(dict.fromkeys(names))
    full = [name for name in names if name == word]
    return full or sorted((n for n in names if n.rpartition("/")[2] == word), key=rank)


def rank(name: str) -> tuple[int, int, int, int, str]:
    """A key by which figures stand in the order in which they matter."""
    split, _, short = name.rpartition("/")
    measured = (*SPLITS, split) if split != "train" else (*SPLITS, "", split)
    kind = _kind(short)
    order = len(KINDS) if kind is None else list(KINDS).index(kind)
    return measured.index(split), order, int(short != kind), len(short), name


def _kind(short: str) -> str | None:
    """The kind that a name is, or ends in; the longest where several fit."""
    fitting = [kind for kind in KINDS if short == kind or short.endswith(f"_{kind}")]
    return max(fitting, key=len, default=None)
