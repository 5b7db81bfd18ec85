"""Studies: experiments without updates, whose figures are computed when a run ends."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import jax.numpy as jnp

from research.engine.artifacts import Artifact
from research.engine.experiment import Data, Evaluation, Experiment, Hyperparameters, Key
from research.engine.untrained import keep_state, measure_nothing
from research.options.config import Config


class Findings(NamedTuple):
    """What a study has found.

    Attributes:
        figures: by their full name, all finite, and no times: a run has to be repeated to the bit.
        shown: what a report shows, by name.
    """

    figures: Mapping[str, float]
    shown: Mapping[str, Artifact]


class Drawn(NamedTuple):
    """The state of a study.

    Attributes:
        value: what `Study.draw` gave.
    """

    value: Any


@dataclass(frozen=True)
class Study(Config):
    """A question that is answered without training.

    The engine's part is the rest: names, options, ledger, replay and report. The state, which never
    changes, holds what is drawn from the seed; all else follows from it and from the options.
    """

    @abstractmethod
    def find(self, drawn: Any, data: Mapping[str, Any]) -> Findings:
        """The answer, a pure function.

        Args:
            drawn: what `draw` gave, as NumPy arrays.
            data: name of each split of `data` -> its columns.
        """

    def time(self, drawn: Any) -> Mapping[str, Artifact]:
        """What a report shows of how long things took on this machine: no figures, and no bits."""
        del drawn
        return {}

    def draw(self, key: Key) -> Any:
        """What the seed decides, a pytree of arrays."""
        del key
        return jnp.int32(0)

    def data(self) -> Data | None:
        """What it is about, if that is read."""
        return None

    def smoke(self) -> Self:
        """The same: it takes a second or two."""
        return self

    def make(self) -> Experiment:
        """No update; the figures are those of `find`."""
        data = self.data()

        def init(key: Key, hyperparameters: Hyperparameters) -> Drawn:
            del hyperparameters
            return Drawn(self.draw(key))

        def find(state: Drawn) -> Findings:
            splits = {} if data is None else data.splits
            return self.find(state.value, {name: split.load() for name, split in splits.items()})

        def judge(state: Drawn, evaluation: Evaluation, key: Key) -> Mapping[str, float]:
            del evaluation, key
            return find(state).figures

        def artifacts(state: Drawn, evaluation: Evaluation, key: Key) -> Mapping[str, Artifact]:
            del evaluation, key
            return {**find(state).shown, **self.time(state.value)}

        return Experiment(
            init=init,
            update=keep_state,
            evaluate=measure_nothing,
            steps=0,
            items_per_step=1,
            items="updates",
            data=data,
            watched=(),
            final=(),
            judge=judge,
            artifacts=artifacts,
        )


def spell_table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Rows in columns of equal width: words to the left, numbers (of ten digits) to the right."""
    texts = [[_spell(cell) for cell in row] for row in (head, *rows)]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    words = [isinstance(cell, str) for cell in rows[0]]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if word else cell.rjust(width)
            for cell, width, word in zip(row, widths, words, strict=True)
        ).rstrip()
        for row in texts
    )


def _spell(cell: object) -> str:
    return f"{cell:.10g}" if isinstance(cell, float) else str(cell)
