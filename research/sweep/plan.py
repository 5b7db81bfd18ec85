"""A sweep's identity, its directory, and the metrics that it can be ranked by."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from research.engine.selection import headline, larger_is_better
from research.options.catalog import Named
from research.options.convert import did_you_mean

if TYPE_CHECKING:
    from research.engine.inputs import Input

SWEEPS = "sweeps"
"""The folder of a runs directory that holds sweeps; runs lie one level higher and never in it."""


class Plan(NamedTuple):
    """What makes two sweeps the same sweep. How many trials it has is no part of it.

    Attributes:
        experiment: full name.
        method: `grid`, `random` or `optimize`.
        space: field -> its domain as typed.
        fixed: the config that all trials share, as JSON values, without the space's fields.
        seed: the first seed of each point.
        seeds: how many seeds each point has.
        sampling_seed: of a random or guided search; 0 for a grid.
        metric: what a guided search optimises, "" for the others.
        direction: `minimize` or `maximize`, "" for the others.
        pruning: whether trials without prospect are cut short.
    """

    experiment: str
    method: str
    space: dict[str, str]
    fixed: dict[str, Any]
    seed: int
    seeds: int
    sampling_seed: int
    metric: str
    direction: str
    pruning: bool

    @property
    def digest(self) -> str:
        """12 hex digits of SHA-256 over canonical JSON of all fields."""
        canonical = json.dumps(
            self._asdict(), sort_keys=True, separators=(",", ":"), allow_nan=False
        )
        return hashlib.sha256(canonical.encode()).hexdigest()[:12]

    def directory(self, runs_dir: Path) -> Path:
        """Where the sweep lies: the same command finds its own sweep."""
        return runs_dir / SWEEPS / self.experiment / self.digest

    def spell(self) -> str:
        """The content of `sweep.json`."""
        return (
            json.dumps({**self._asdict(), "digest": self.digest}, indent=2, sort_keys=True) + "\n"
        )


def direction_of(metric: str) -> str:
    """`minimize` or `maximize`, by the metric's name; "" where the name has no known kind."""
    larger = larger_is_better(metric)
    return "" if larger is None else "maximize" if larger else "minimize"


def is_test(metric: str) -> bool:
    """Whether the metric is measured on the test set, by which nothing should be chosen."""
    return metric.split("/")[0] == "test"


def default_metric(names: list[str], selected: str = "", named: str = "") -> str:
    """The metric that ranks trials where none was named: never a figure of the test set.

    `selected` is the metric by which the experiment chooses its best state, `named` its `headline`.
    """
    if selected in names:
        return selected
    known = (name for name in names if direction_of(name) and not is_test(name))
    return headline(known, named) or ""


class Measures(NamedTuple):
    """What an experiment reports.

    Attributes:
        names: of the metrics, sorted: `validation/accuracy`.
        open: whether there are others, that only a finished run knows.
        selected: the metric by which it chooses its own best state, or "".
        headline: its figure that matters, or "" for the rule of all.
    """

    names: tuple[str, ...]
    open: bool
    selected: str
    headline: str


def use_cpu() -> None:
    """Keep this process off accelerators: they are for the runs, which are other processes."""
    import jax

    from research.engine.environment import backend_started

    if not backend_started():
        jax.config.update("jax_platforms", "cpu")


def measures_of(named: Named, config: Any, inputs: Mapping[str, Input], root: Path) -> Measures:
    """The names of all metrics, by tracing the experiment's functions; nothing is computed.

    The names are taken to be the same for all configs; `inputs` maps a field of the config to the
    state of another run.

    Raises:
        Mistake: the data are not there.
    """
    from research.engine import metrics
    from research.engine.selection import figure_names
    from research.options.assembly import AS_IT_FITS, open_experiment

    with open_experiment(named, config, AS_IT_FITS, root, inputs=inputs) as ready:
        experiment, shapes = ready.experiment, ready.program.shapes
        names = {f"train/{name}" for name in metrics.figure_names(shapes.metrics)}
        splits = dict.fromkeys((*experiment.watched, *experiment.final))
        names |= figure_names(experiment, ready.program.feed, splits)
        selected = experiment.selection.metric if experiment.selection else ""
        is_open = experiment.judge is not None
        return Measures(tuple(sorted(names)), is_open, selected, experiment.headline)


def metric_mistake(metric: str, measures: Measures) -> str:
    """What is wrong with a metric's name, or ""."""
    names: Sequence[str] = measures.names
    if metric in names or (measures.open and metric.split("/")[0] not in _splits(names)):
        return ""
    near = did_you_mean(metric, names) or f"; there are {', '.join(names)}"
    return f"{metric}: the experiment reports no such metric{near}"


def _splits(names: Sequence[str]) -> set[str]:
    return {name.split("/")[0] for name in names if "/" in name}
