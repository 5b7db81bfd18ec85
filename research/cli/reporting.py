"""The report of a run, written when the run is complete; none is worth failing a run for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from research.engine.directory import LEDGER_FILE
from research.options.catalog import catalog

if TYPE_CHECKING:
    from research.report.page import About

REPORT = "report.html"
"""The report's name in a run's directory."""


class Notes(Protocol):
    """Whoever is told."""

    def note(self, text: str) -> None:
        """Something that a person should know."""


def about_experiments(root: Path) -> dict[str, About]:
    """What each named experiment's file says of it, without importing it."""
    from research.report.page import About

    return {entry.name: About(entry.summary, entry.expected) for entry in catalog(root)}


def keep_report(result: Mapping[str, Any], notes: Notes, root: Path) -> None:
    """Write the report of a complete run into its directory, unless one as new as it is there.

    Args:
        result: the content of the run's `result.json`.
        notes: is told where it lies, or why there is none.
        root: the folder that holds `experiments/`.
    """
    directory = Path(result["run_dir"])
    path = directory / REPORT
    try:
        if not result.get("complete") or _is_new(path, directory):
            return
        from research.report.page import write_report

        write_report([directory], path, about_experiments(root))
    except Exception as error:
        notes.note(
            f"no report was written ({type(error).__name__}: {error}); the run is whole, and "
            f"`python launch.py report {directory}` tries again"
        )
        return
    notes.note(f"the report of this run is {path}")


def _is_new(path: Path, directory: Path) -> bool:
    """Whether a report was written after all that it shows."""
    if not path.exists():
        return False
    sources = [directory / LEDGER_FILE, *directory.glob("artifacts/*")]
    return all(path.stat().st_mtime >= each.stat().st_mtime for each in sources)
