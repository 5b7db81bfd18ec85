"""The same expression by NumPy and by JAX: what each gives, or the error that it raises."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

LENGTH = 34
"""Letters of a result that a table shows."""


class Case(NamedTuple):
    """Something that both can be asked for.

    Attributes:
        what: in words, or as code, which is what `run` computes.
        run: module (`numpy` or `jax.numpy`) -> a result that can be printed.
        same: whether both should give the same, as `docs/tour.md` has it.
    """

    what: str
    run: Callable[[Any], Any]
    same: bool = False


class Answer(NamedTuple):
    """What a case came to: the two results as text."""

    case: Case
    numpy: str
    jax: str

    @property
    def same(self) -> bool:
        """Whether both gave the same text."""
        return self.numpy == self.jax


def ask(case: Case) -> Answer:
    """Both results of a case."""
    return Answer(case, _spell(case.run, np), _spell(case.run, jnp))


def _spell(run: Callable[[Any], Any], module: Any) -> str:
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            # Neither library's warnings are errors here: the result is what is shown.
            warnings.simplefilter("ignore")
            text = str(run(module))
    except Exception as error:
        # What is wrong with an expression is a result, too.
        text = type(error).__name__
    text = re.sub(r"\s+", " ", text)
    return text if len(text) <= LENGTH else f"{text[: LENGTH - 1]}…"
