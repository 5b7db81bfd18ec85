"""Runs as rows: the figure of each, in what they differ, and their order."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from research.engine.result import spread
from research.engine.selection import larger_is_better
from research.errors import Mistake
from research.options.convert import did_you_mean
from research.runs.files import size_of
from research.runs.filters import sorted_by
from research.runs.grouping import ABSENT, differing_fields
from research.runs.names import Standing, standing_of
from research.runs.run import STATES, Run
from research.runs.spelling import spell_figure, spell_spread
from research.runs.summary import summarize


class Row(NamedTuple):
    """A run as the table shows it.

    Attributes:
        name: its path below the runs' folder.
        run: what its files say.
        figure: the name of the figure that matters, or None.
        value: its mean over members; NaN where it is not finite.
        figure_text: the figure in words.
        size: bytes.
        differing: fields in which it differs from other runs of the experiment.
        standing: what it is where it is no run under its own name.
    """

    name: str
    run: Run
    figure: str | None
    value: float | None
    figure_text: str
    size: int
    differing: Mapping[str, Any]
    standing: Standing = Standing()

    def fields(self) -> dict[str, Any]:
        """What a filter and `--sort` know it by."""
        seeds = list(self.run.all_seeds)
        return {
            **self.run.config,
            "state": self.run.state,
            "step": self.run.step,
            "size": self.size,
            "seed": seeds if len(seeds) > 1 else seeds[0],
        }


def make_row(directory: Path, runs_dir: Path, run: Run | None = None) -> Row:
    """The row of one run; what its files say is given where they cannot be read."""
    run = run or summarize(directory)
    name = run.figure
    value, text = _figure(run, name) if name else (None, "")
    place = directory.relative_to(runs_dir).as_posix()
    standing = Standing() if run.state == "unreadable" else standing_of(directory, runs_dir)
    size = 0 if standing.again else size_of(directory)
    return Row(place, run, name, value, text, size, {}, standing)


def _figure(run: Run, name: str) -> tuple[float | None, str]:
    """The mean over members, and the figure in words: with ± where members differ by seed alone."""
    values = run.values(name)
    if len(values) == 1:
        return values[0], spell_figure(values[0])
    if run.varied:
        return _figure_of_values(run, name, values)
    found = run.spread(name)
    lost = f", {found.nonfinite} not finite" if found.nonfinite and found.n else ""
    return found.mean, spell_spread(found) + lost


def _figure_of_values(run: Run, name: str, values: Sequence[float]) -> tuple[float, str]:
    """Of members with several values: the least and the greatest mean over seeds, each with ±."""
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return math.nan, "not finite"
    each: dict[str, list[float]] = {}
    for member in run.members:
        if name in member.metrics:
            each.setdefault(repr(member.varied), []).append(member.metrics[name])
    spreads = [found for found in map(spread, each.values()) if found.n]
    ends = (pick(spreads, key=lambda found: found.mean) for pick in (min, max))
    return sum(finite) / len(finite), " to ".join(map(spell_spread, ends))


def complete_steps(rows: Sequence[Row]) -> list[Row]:
    """Rows with the number of steps filled in where a finished run of the same config has it."""
    known = {_identity(row.run): row.run.step for row in rows if row.run.state == "complete"}
    return [
        row
        if row.run.steps is not None
        else row._replace(run=row.run._replace(steps=known.get(_identity(row.run))))
        for row in rows
    ]


def _identity(run: Run) -> str:
    return repr((run.experiment, sorted(run.config.items(), key=lambda field: field[0])))


def with_differences(rows: Sequence[Row]) -> list[Row]:
    """Rows with the fields in which the runs of one experiment differ."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        if row.run.config:
            groups.setdefault(row.run.experiment, []).append(row)
    fields = {
        name: list(differing_fields([row.run.config for row in group]))
        for name, group in groups.items()
    }
    return [
        row._replace(
            differing={
                name: row.run.config.get(name, ABSENT)
                for name in (fields.get(row.run.experiment, ()) if row.run.config else ())
            }
        )
        for row in rows
    ]


def order(rows: Sequence[Row], column: str, *, reverse: bool) -> list[Row]:
    """Rows by a column: figures the best first, of one kind together; ages the newest first.

    Raises:
        Mistake: there is no such column or field.
    """
    keys = {
        "name": lambda row: natural(row.name),
        "seed": lambda row: row.run.seeds,
        "state": lambda row: STATES.index(row.run.state),
        "step": lambda row: row.run.step,
        "figure": _figure_key,
        "age": lambda row: -row.run.changed,
        "size": lambda row: row.size,
    }
    if column in keys:
        return sorted_by(keys[column], rows, reverse=reverse)
    field = column.replace("-", "_")
    known = {name for row in rows for name in row.run.config}
    if rows and field not in known:
        near = did_you_mean(field, [*keys, *sorted(known)])
        raise Mistake(
            f"--sort {column}: there is no such column{near or '; there are ' + ', '.join(keys)}"
        )
    return sorted_by(lambda row: row.run.config.get(field), rows, reverse=reverse)


def natural(name: str) -> list[tuple[int, str]]:
    """A key by which `s2` comes before `s10`."""
    parts = re.split(r"(?<=-s)(\d+)", name)
    return [(int(part), "") if part.isdigit() else (-1, part) for part in parts]


def _figure_key(row: Row) -> tuple[str, float] | None:
    if row.figure is None or row.value is None or math.isnan(row.value):
        return None
    return row.figure, -row.value if larger_is_better(row.figure) else row.value


def report(row: Row) -> dict[str, Any]:
    """What `--json` says of a run."""
    run = row.run
    names = dict.fromkeys(name for member in run.members for name in member.metrics)
    return {
        "run_dir": str(run.directory),
        "name": row.name,
        "experiment": run.experiment,
        "seed": run.seeds[0],
        "seeds": run.seeds[1],
        "width": run.width,
        "state": run.state,
        "problem": run.problem,
        "standing": row.standing.words,
        "step": run.step,
        "steps": run.steps,
        "figure": row.figure,
        "value": row.value,
        "spread": row.figure_text,
        "members": [
            {"seed": m.seed, "hyperparameters": m.varied, "metrics": m.metrics}
            for m in run.members
            if m.metrics
        ],
        "metrics": list(names),
        "changed": run.changed,
        "bytes": row.size,
        "config": run.config,
    }
