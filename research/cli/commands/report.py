"""`report`: runs as one page that opens in any browser; the end of a run writes one by itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from research.engine.directory import LEDGER_FILE
from research.errors import Exit, Mistake
from research.options.catalog import catalog
from research.options.command import Command, Context, OnRuns, Outcome, parse
from research.options.ranges import PATH
from research.options.terminal import make_console
from research.runs.names import RUN, find_run

if TYPE_CHECKING:
    from research.report.page import About


@dataclass(frozen=True)
class Options(OnRuns):
    """Options of `report`."""

    output: Annotated[
        str, "or -o FILE: the page [report.html, in the directory of a single run]", PATH
    ] = ""


def execute(tokens: Sequence[str], context: Context) -> Outcome:
    """Read the runs, write the page, and print its path."""
    texts, options = parse(COMMAND, tokens)
    directories = [find_run(text, Path(options.runs_dir)) for text in texts]
    distinct = list({directory.resolve(): directory for directory in directories}.values())
    path = output_path(options.output, distinct)
    from research.report.page import write_report

    runs = write_report(distinct, path, about_experiments(context.root))
    console = make_console(context.human)
    for run in runs:
        for note in run.notes:
            console.print(f"note: {run.directory}: {note}", style="yellow")
    console.print(f"report: {path}", soft_wrap=True)
    return Outcome(
        {
            "report": str(path),
            "runs": [str(run.directory) for run in runs],
            "notes": [f"{run.directory}: {note}" for run in runs for note in run.notes],
        }
    )


def output_path(text: str, directories: Sequence[Path]) -> Path:
    """Where the page goes.

    Raises:
        Mistake: it is a folder, or lies in one that is not there.
    """
    if not text:
        return directories[0] / REPORT if len(directories) == 1 else Path(REPORT)
    path = Path(text)
    if path.is_dir():
        raise Mistake(f"{path} is a folder: name the file, as in -o {path / REPORT}")
    if not path.parent.is_dir():
        raise Mistake(f"there is no folder {path.parent} to write {path.name} into")
    return path


COMMAND = Command(
    name="report",
    summary="runs as one page: curves, figures, pictures, config, ledger",
    text="""Writes one self-contained HTML file, which any browser opens without a network: the
    figure that matters, curves of all metrics, the table of figures, the config, pictures (examples
    and mistakes, filters, an episode, forecasts), its ledger and its fingerprint. A complete run
    has written one already; this command is for runs that are not complete, and for several.

    Several runs make one page that compares them. Runs that differ in nothing but their seed are
    taken together: their curves become a mean with its 95 % interval (Student's t), and so do their
    figures. A seed that is given twice counts once. Fields of the config that differ stand first.

    Nothing is replayed; `verify` does that. A damaged ledger or missing pictures make a poorer
    page, with a note.""",
    arguments=(RUN._replace(many=True),),
    options=Options,
    examples=(
        ("report digits_cnn", "the only run of that experiment, into its own directory"),
        ("report runs/vision/digits_cnn/3f2a*-s* -o seeds.html", "all seeds of a config, as one"),
        ("report 3f2a-s0 9c01-s0 -o rates.html", "two configs beside each other"),
    ),
    exits=(Exit.DAMAGED,),
    execute=execute,
    works=True,
)


REPORT = "report.html"
"""The report's name in a run's directory."""


def about_experiments(root: Path) -> dict[str, About]:
    """Name -> summary and expected figure of each experiment, from its docstring."""
    from research.report.page import About

    return {entry.name: About(entry.summary, entry.expected) for entry in catalog(root)}


def keep_report(result: Mapping[str, Any], note: Callable[[str], None], root: Path) -> None:
    """Write the report of a complete run into its directory, unless one as new as it is there.

    A note says where it is, or why there is none.
    """
    directory = Path(result["run_dir"])
    path = directory / REPORT
    try:
        if not result.get("complete") or _is_new(path, directory):
            return
        from research.report.page import write_report

        write_report([directory], path, about_experiments(root))
    except Exception as error:
        note(
            f"no report was written ({type(error).__name__}: {error}); the run is whole, and "
            f"`python launch.py report {directory}` tries again"
        )
        return
    note(f"the report of this run is {path}")


def _is_new(path: Path, directory: Path) -> bool:
    """Whether a report was written after all that it shows."""
    if not path.exists():
        return False
    sources = [directory / LEDGER_FILE, *directory.glob("artifacts/*")]
    return all(path.stat().st_mtime >= each.stat().st_mtime for each in sources)
