"""What an experiment will report, known before anything has run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from research.options.catalog import Named
from research.options.convert import did_you_mean


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


def measures_of(named: Named, config: Any, root: Path) -> Measures:
    """The names of all metrics, by tracing the experiment's functions; nothing is computed.

    Args:
        named: the experiment.
        config: one of its configs; the names are taken to be the same for all.
        root: the folder that holds `experiments/`.

    Raises:
        Mistake: the data are not there.
    """
    from research.engine.selection import figure_names
    from research.options.opening import opened

    with opened(named, config, "auto", root) as ready:
        experiment, shapes = ready.experiment, ready.program.shapes
        names = {f"train/{name}" for name in shapes.metrics}
        splits = dict.fromkeys((*experiment.watched, *experiment.final))
        names |= figure_names(experiment, ready.program.feed, splits)
        selected = experiment.selection.metric if experiment.selection else ""
        is_open = experiment.measure is not None
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
