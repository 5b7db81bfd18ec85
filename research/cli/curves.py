"""The course of one figure over a run, for a member of any run."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from research.cli.runs import LEDGER_FILE
from research.cli.summary import figures_of
from research.engine import ledger
from research.engine.headline import SPLITS, headline, matching
from research.engine.record import read_metrics

METRICS_FILE = "metrics.jsonl"
Lines = dict[int, dict[str, Any]]


def read_lines(directory: Path) -> Lines:
    """Step -> figures of each report: those of the ledger where `metrics.jsonl` is not there."""
    try:
        lines = read_metrics(directory / METRICS_FILE)
    except OSError:
        lines = {}
    return lines or ledger.read(directory / LEDGER_FILE).reports()


def environment_steps(directory: Path) -> int:
    """Environment steps of one update of a run; 0 where its ledger does not say that."""
    try:
        with (directory / LEDGER_FILE).open("rb") as file:
            header = json.loads(file.readline())
        counts = header.get("items") == "environment steps"
        return int(header.get("items_per_step", 0)) if counts else 0
    except (OSError, ValueError, AttributeError):
        return 0


def curve(lines: Lines, name: str, member: int) -> dict[int, float]:
    """Step -> figure of one member; empty intervals are left out."""
    found: dict[int, float] = {}
    for step, line in lines.items():
        value = line.get(name)
        if isinstance(value, list):
            value = value[member] if member < len(value) else None
        figure = figures_of({name: value}).get(name)
        if figure is not None:
            found[step] = figure
    return found


def curve_name(metric: str, all_lines: Iterable[Lines]) -> str | None:
    """The figure whose course goes with a final one: itself, else the nearest that has a course.

    Test figures are mostly measured once, at the end: their kind on other data shows the way
    there, and where there is none the figure that matters most.
    """
    courses: dict[str, None] = {}
    for lines in all_lines:
        counts = Counter(n for line in lines.values() for n, v in line.items() if v is not None)
        courses |= dict.fromkeys(name for name, count in counts.items() if count > 1)
    short = metric.rpartition("/")[2]
    same = matching(metric, courses) or [n for n in matching(short, courses) if n != metric]
    known = [name for name in courses if name.partition("/")[0] in SPLITS] or courses
    return same[0] if same else headline(known)
