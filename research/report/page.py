"""A report: runs and what is known of them as one self-contained HTML page."""

from __future__ import annotations

import base64
import functools
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from research.engine.result import spread
from research.report import cards, group_plots
from research.report.group_plots import Profile, make_profile
from research.report.tables import (
    Table,
    config_table,
    figures_table,
    fingerprint_table,
    members_table,
    shared_and_own,
)
from research.runs.grouping import Group, choose_figure, group_runs, notes_on
from research.runs.reading import read_run
from research.runs.run import Run
from research.runs.spelling import ABSENT, spell_figure, spell_name, spell_spread, spell_waiting


class About(NamedTuple):
    """What an experiment's file says of it.

    Attributes:
        summary: one sentence.
        expected: the expected figure, such as `test accuracy .98`, or "".
    """

    summary: str = ""
    expected: str = ""


class Headline(NamedTuple):
    """The figure that matters of one group.

    Attributes:
        label: of the group.
        figure: spelled, with its interval where there is one.
        detail: of how many seeds, and whether they are all whole.
        colour: which of the page's colours the group's lines have.
    """

    label: str
    figure: str
    detail: str
    colour: int


class Section(NamedTuple):
    """Artifacts of one run.

    Attributes:
        title: whose they are, or "" where there is one run.
        cards: what to show.
    """

    title: str
    cards: list[cards.Card]


class Page(NamedTuple):
    """All that the template shows; every text in it is escaped there.

    Attributes:
        title: the experiment, or the experiments.
        summary: what it shows, or "".
        expected: the expected figure, or "".
        metric: the figure that matters, or "".
        headlines: one a group.
        notes: what is missing or damaged.
        plots: the curves.
        figures: table of figures.
        members: table of seeds, or None where there is one.
        profile: how the returns of several seeds are spread, or None.
        sections: artifacts.
        config: table of the config.
        config_differs: how many fields differ.
        fingerprint: table of the environment.
        fingerprint_differs: how many lines of it differ.
        ledger: what the ledgers say, as far as they agree.
        ledgers: what each of them says beside, or None.
    """

    title: str
    summary: str
    expected: str
    metric: str
    headlines: list[Headline]
    notes: list[str]
    plots: list[group_plots.Plot]
    figures: Table
    members: Table | None
    profile: Profile | None
    sections: list[Section]
    config: Table
    config_differs: int
    fingerprint: Table
    fingerprint_differs: int
    ledger: Table
    ledgers: Table | None


def make_page(runs: Sequence[Run], about: Mapping[str, About]) -> Page:
    """What the report of some runs says.

    Args:
        runs: at least one.
        about: experiment -> what its file says.
    """
    runs = [with_headline(run, about.get(run.experiment, About()).expected) for run in runs]
    found = group_runs(runs)
    experiments = list(dict.fromkeys(run.experiment for run in runs))
    texts = [about.get(name, About()) for name in experiments]
    one = texts[0] if len(experiments) == 1 else About()
    metric = choose_figure(found) or ""
    config, config_differs = config_table(found)
    fingerprint, fingerprint_differs = fingerprint_table(runs)
    ledger, ledgers = shared_and_own(runs, ledger_facts)
    notes = notes_on(found, [group.label if len(found) > 1 else "" for group in found])
    for run in runs:
        notes += [f"{run.directory}: {note}" if len(runs) > 1 else note for note in run.notes]
        if not run.complete:
            whose = f"{run.directory} is" if len(runs) > 1 else "This run is"
            notes.append(f"{whose} not complete: it stands at step {run.step:,}")
    return Page(
        title=" and ".join(experiments),
        summary=one.summary,
        expected=one.expected,
        metric=spell_name(metric),
        headlines=[
            make_headline(group, metric, number, len(found)) for number, group in enumerate(found)
        ],
        notes=list(dict.fromkeys(notes)),
        plots=group_plots.make_plots(found, metric),
        figures=figures_table(found),
        members=members_table(found, metric) if sum(len(g.members) for g in found) > 1 else None,
        profile=make_profile(found),
        sections=make_sections(found),
        config=config,
        config_differs=config_differs,
        fingerprint=fingerprint,
        fingerprint_differs=fingerprint_differs,
        ledger=ledger,
        ledgers=ledgers,
    )


def with_headline(run: Run, expected: str) -> Run:
    """The run with the figure that matters named, if it was made before ledgers named it.

    Args:
        run: any.
        expected: what its experiment's file expects; the first figure that stands there is taken.
    """
    text = expected.replace("_", " ")
    names = {name for member in run.members for name in member.metrics}
    places = {name: text.find(spell_name(name)) for name in names}
    found = [name for name, place in places.items() if place >= 0]
    if run.headline or not found:
        return run
    return run._replace(headline=min(found, key=lambda name: (places[name], name)))


def make_headline(group: Group, metric: str, number: int, of: int) -> Headline:
    """The figure of a group, its last report where it has no result."""
    values, count = list(group.values(metric).values()), len(group.members)
    found = spread(values)
    # Of one seed, what is not finite is a word.
    figure = spell_figure(values[0]) if values and count == 1 else spell_spread(found)
    detail = f"seed {group.seeds[0]}" if count == 1 else f"{count} seeds, 95 % interval"
    if found.n < count and count > 1:
        detail += f"; {count - found.n} of them without a finite figure"
    return Headline(group.label if of > 1 else "", figure, detail, number)


def ledger_facts(run: Run) -> dict[str, str]:
    """What proves a run: saves, segments, its chain, and the digests of both ends."""
    assert run.chain is not None
    seconds = ABSENT if run.seconds is None else f"{run.seconds:,.1f} s"
    waiting = spell_waiting(run.waited, remedy=True)
    width = {} if run.width is None else {"members computed together": str(run.width)}
    data = {f"data {split}": digest for split, digest in run.data.items()}
    first, count = run.seeds
    return {
        "directory": str(run.directory),
        "config digest": run.config_digest,
        "seed": str(first) if count == 1 else f"{first} to {first + count - 1}",
        **width,
        "step": f"{run.step:,} ({'complete' if run.complete else 'not complete'})",
        "time on steps": seconds,
        **({"waited": waiting} if waiting else {}),
        "saves": f"{run.chain.saves:,}",
        "segments (processes)": f"{run.chain.segments:,}",
        "chain": f"broken: {run.chain.broken}" if run.chain.broken else "whole",
        "end of the chain": run.chain.last or ABSENT,
        "state at the end": run.digest or ABSENT,
        **({"starts from parameters": run.initial} if run.initial else {}),
        "code": run.chain.code or ABSENT,
        **data,
    }


def make_sections(found: Sequence[Group]) -> list[Section]:
    """The artifacts of one run of each group: the first that has any."""
    sections: list[Section] = []
    for group in found:
        run = next((run for run in group.runs if run.artifacts), None)
        if run is None:
            continue
        salt = f"{len(sections)}-"
        drawn = [cards.draw(shown, f"{salt}{name}") for name, shown in run.artifacts.items()]
        whose = ""
        if len(found) > 1 or len(group.members) > 1:
            whose = f"seed {run.seeds[0]}"
            whose = f"{group.label}, {whose}" if len(found) > 1 else whose.capitalize()
        sections.append(Section(whose, drawn))
    return sections


def render(page: Page) -> str:
    """The page as HTML: one file that needs nothing else."""
    here = Path(__file__).parent
    moving = any(card.kind == "film" for section in page.sections for card in section.cards)
    script = (here / "film.js").read_text() if moving else ""
    # The policy of the page lets this script run and no other.
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    style = (here / "style.css").read_text()
    return _template().render(**page._asdict(), style=style, script=script, script_digest=digest)


@functools.cache
def _template() -> Any:
    return environment(Path(__file__).parent).get_template("page.html")


def environment(folder: Path) -> Any:
    """The templates of a folder; in a page every value is escaped that is not marked as safe."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def write_report(
    directories: Sequence[Path],
    output: Path,
    about: Mapping[str, About],
) -> list[Run]:
    """Write the report of some runs; returns what was read of them.

    Args:
        directories: of the runs.
        output: the file; one that is there is replaced.
        about: experiment -> what its file says.

    Raises:
        Mistake: a directory is no run.
        Damaged: what a run is cannot be read.
        OSError: the file cannot be written.
    """
    from research.engine.durable import write_file

    distinct = {directory.resolve(): directory for directory in directories}
    runs = [read_run(directory) for directory in distinct.values()]
    write_file(output, render(make_page(runs, about)))
    return runs
