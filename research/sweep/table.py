"""The results of a sweep: one row a trial, best first, with intervals over several seeds."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from research.engine.result import spread
from research.options.convert import spell
from research.sweep.outcome import figure
from research.sweep.trial import Outcome


def report_row(outcome: Outcome, metric: str, runs_dir: Path) -> dict[str, Any]:
    """A trial as JSON: number, state, values, figures of each seed, interval, reason."""
    runs = []
    values = []
    for job, ending in zip(outcome.trial.jobs, outcome.endings, strict=True):
        value = None if ending is None else figure(ending, metric)
        if value is not None:
            values.append(value)
        runs.append(
            {
                "seed": job.seed,
                "run_dir": job.directory.relative_to(runs_dir).as_posix(),
                "state": ending.state if ending else "",
                "value": value,
            }
        )
    row = {
        "trial": outcome.trial.number,
        "state": outcome.state or "unfinished",
        "values": {name: value for name, value in outcome.trial.point.items()},
        "value": outcome.value,
        "standard_deviation": None,
        "low": None,
        "high": None,
        "reason": outcome.reason,
        "runs": runs,
    }
    if outcome.value is not None and len(values) == len(runs):
        made = spread(values)
        row |= {
            "standard_deviation": made.standard_deviation,
            "low": made.low,
            "high": made.high,
        }
    return row


def spell_csv(rows: Sequence[dict[str, Any]], metric: str) -> str:
    """The rows as CSV. It holds nothing that differs between two runs of the same sweep."""
    fields = list(rows[0]["values"]) if rows else []
    figures = ("standard_deviation", "low", "high")
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["trial", "state", *fields, metric, *figures, "reason", "runs"])
    for row in rows:
        writer.writerow(
            [
                row["trial"],
                row["state"],
                *(spell(row["values"][name]) for name in fields),
                *("" if row[name] is None else repr(row[name]) for name in ("value", *figures)),
                row["reason"],
                " ".join(run["run_dir"] for run in row["runs"]),
            ]
        )
    return text.getvalue()
