"""A training loop written out in plain Python: the same bits as the engine's, digest for digest.

`tour/custom_parts` is trained twice from one seed: by Encore's engine, one compiled loop, and by
the dozen lines of `research/tour/written_loop.py`, one call a step. `loop/different` is how many
numbers of the states differ in any bit, and `loop/figures_different` how many figures of training
and validation do. Two controls: the same loop over a batch in one piece instead of eight groups,
which the compiler fuses in another way, and the same batches in another order. The report has the
digests, and how far apart parameters are.

Run: python launch.py run tour/written_loop
Expected: loop/different 0 of 725 numbers, loop/figures_different 0; some 600 in one piece
Time: 4 s
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Annotated, Any, NamedTuple, Self

import jax
import numpy as np

from experiments.tour.custom_parts import config as custom_parts
from research.data.feed import open_feed
from research.engine import metrics
from research.engine.artifacts import Passages
from research.engine.digests import record_leaves, state_digest
from research.engine.experiment import Data, Experiment, Key, traced
from research.engine.leaves import Reader, name_leaves
from research.engine.metrics import Metrics
from research.engine.program import Program
from research.options.config import make_experiment
from research.options.ranges import COUNT
from research.study import Findings, Study, spell_table
from research.tour.housing import EVALUATED
from research.tour.regression import HousingRegression
from research.tour.written_loop import evaluate, train


class Outcome(NamedTuple):
    """What training came to.

    Attributes:
        leaves: path -> array of the state, on the host.
        figures: of training and validation.
    """

    leaves: Mapping[str, np.ndarray]
    figures: Mapping[str, Any]

    @property
    def digest(self) -> str:
        """As a run of Encore ends with."""
        return state_digest(record_leaves(self.leaves))


@dataclass(frozen=True)
class WrittenLoop(Study):
    """Options."""

    epochs: Annotated[int, "passes over the training districts", COUNT] = 1
    batch_size: Annotated[int, "districts in one update, a multiple of 8", COUNT] = 32

    @property
    def headline(self) -> str:
        """Numbers of the state that are not the engine's."""
        return "loop/different"

    def smoke(self) -> Self:
        """Twenty-two updates."""
        return replace(self, batch_size=512)

    def regression(self) -> HousingRegression:
        """What is trained."""
        return replace(custom_parts, epochs=self.epochs, batch_size=self.batch_size)

    def data(self) -> Data | None:
        """That of what is trained."""
        return make_experiment(self.regression()).data

    def draw(self, key: Key) -> jax.Array:
        """The seed of the training."""
        return jax.random.randint(key, (), 0, 2**31 - 1)

    def find(self, drawn: Any, data: Mapping[str, Any]) -> Findings:
        """Trains by the engine, by the loop, and by two loops that are not the same."""
        seed, whole = int(drawn), make_experiment(self.regression())
        in_one_piece = make_experiment(replace(self.regression(), groups=1))
        engine = by_engine(whole, seed)
        loops = {
            "loop": by_loop(whole, data, seed),
            "in_one_piece": by_loop(in_one_piece, data, seed),
            "another_order": by_loop(whole, data, seed, order=seed + 1),
        }
        figures = {"numbers": float(sum(leaf.size for leaf in engine.leaves.values()))}
        for name, outcome in loops.items():
            figures[f"{name}/different"] = float(different(outcome.leaves, engine.leaves))
        figures["loop/figures_different"] = float(
            sum(engine.figures[name] != value for name, value in loops["loop"].figures.items())
        )
        figures["validation/loss"] = float(engine.figures["validation/loss"])
        rows = [
            (name.replace("_", " "), each.digest[:16], apart(each.leaves, engine.leaves),
             float(each.figures["validation/loss"]))
            for name, each in {"engine": engine, **loops}.items()
        ]  # fmt: skip
        table = spell_table(("by", "digest", "largest difference", "validation loss"), rows)
        return Findings(figures, {"ways": Passages("One training, four ways", (table,))})


def by_engine(experiment: Experiment, seed: int) -> Outcome:
    """As `launch.py run` does it."""
    reader = Reader()
    with closing(open_feed(experiment.data)) as feed:
        program = Program(experiment, feed)
        carry, steps = program.initial(seed), experiment.steps
        for window in program.windows(seed, 0, steps):
            carry = program.advance(carry, window.arrays, 0, steps, fresh=False, halt=True)
        validation = program.evaluate(carry, "validation", steps)
        figures = _figures(reader(carry.metrics), reader(validation))
        leaves = program.leaves(carry, reader)
    return Outcome({n: leaf for n, leaf in leaves.items() if n.startswith("state/")}, figures)


def by_loop(
    experiment: Experiment, data: Mapping[str, Any], seed: int, order: int | None = None
) -> Outcome:
    """By the loop that is written out."""
    values = traced(experiment.hyperparameters)
    state, training = train(experiment, data["train"], seed, values, order)
    validation = evaluate(experiment, state, data["validation"], EVALUATED)
    leaves = Reader()(name_leaves({"state": state}))
    return Outcome(leaves, _figures(jax.device_get(training), jax.device_get(validation)))


def _figures(training: Metrics, validation: Metrics) -> dict[str, Any]:
    return metrics.read(training, "train/") | metrics.read(validation, "validation/")


def different(left: Mapping[str, np.ndarray], right: Mapping[str, np.ndarray]) -> int:
    """Numbers that differ in any bit; the leaves are float32, of the same names."""
    bits = ((left[name].view(np.uint32), right[name].view(np.uint32)) for name in left)
    return int(sum((ours != theirs).sum() for ours, theirs in bits))


def apart(left: Mapping[str, np.ndarray], right: Mapping[str, np.ndarray]) -> float:
    """The largest difference of any number."""
    return float(max(np.abs(left[name] - right[name]).max() for name in left))


config = WrittenLoop()
