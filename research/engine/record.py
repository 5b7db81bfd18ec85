"""The lines of `metrics.jsonl`: one a report, none twice, none missing after a resume."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from research.engine.durable import named, write_file
from research.engine.figures import Figure, Figures


def append_metrics(path: Path, step: int, figures: Figures) -> None:
    """Add one line to `metrics.jsonl`. NaN and infinity are spelled as words."""
    with named(path), path.open("a") as file:
        file.write(_spell_line(step, spell_figures(figures)))


def _spell_line(step: int, figures: Mapping[str, Any]) -> str:
    return json.dumps({"step": step, **figures}, sort_keys=True) + "\n"


def spell_figures(figures: Figures) -> dict[str, Any]:
    """Figures as JSON values: JSON has no NaN and no infinity, so these become words."""

    def spell(figure: Figure) -> Any:
        if isinstance(figure, list):
            return [spell(one) for one in figure]
        if figure is None or abs(float(figure)) < float("inf"):
            return figure if figure is None else float(figure)
        return str(float(figure))

    return {name: spell(figure) for name, figure in figures.items()}


def restore_metrics(path: Path, reports: Mapping[int, Mapping[str, Any]]) -> bool:
    """Make `metrics.jsonl` what the ledger has; lines past its last save are made again.

    Args:
        path: the file.
        reports: step -> figures of every line that the ledger vouches for.

    Returns:
        Whether lines of those had been lost or changed.
    """
    wanted = "".join(_spell_line(step, reports[step]) for step in sorted(reports))
    found = path.read_bytes().decode(errors="replace") if path.exists() else ""
    if found != wanted:
        write_file(path, wanted)
    return not found.startswith(wanted)


def read_metrics(path: Path) -> dict[int, dict[str, Any]]:
    """Step -> the figures of its line; lines that cannot be read are left out."""
    lines = {}
    for text in path.read_text(errors="replace").splitlines() if path.exists() else ():
        try:
            line = json.loads(text)
            lines[int(line.pop("step"))] = line
        except (ValueError, KeyError, TypeError, AttributeError):
            continue
    return lines
