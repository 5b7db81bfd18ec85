"""The lines of `metrics.jsonl`: one a report, none twice, none missing after a resume."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from research.engine.observer import Figures


def append_metrics(path: Path, step: int, figures: Figures) -> None:
    """Add one line to `metrics.jsonl`. NaN and infinity are spelled as words."""
    with path.open("a") as file:
        file.write(json.dumps({"step": step, **spell_figures(figures)}) + "\n")


def spell_figures(figures: Figures) -> dict[str, Any]:
    """Figures as JSON values: JSON has no NaN and no infinity, so these become words."""
    return {
        name: value if value is None or abs(value) < float("inf") else str(value)
        for name, value in figures.items()
    }


def keep_metrics_until(path: Path, step: int) -> None:
    """Drop the lines past a step: the run makes those steps, and their lines, again."""
    if not path.exists():
        return
    kept = []
    for line in path.read_text().splitlines():
        try:
            if json.loads(line)["step"] <= step:
                kept.append(line + "\n")
        except (ValueError, KeyError, TypeError):
            continue
    path.write_text("".join(kept))


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
