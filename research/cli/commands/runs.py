"""`runs`: a table of all runs, with where each stands and what it has reached."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from research.errors import Mistake
from research.options.command import Argument, Command, Context, OnRuns, Outcome, parse
from research.options.convert import did_you_mean
from research.options.terminal import Column, make_console, print_table, spell_bytes
from research.runs.filters import check_terms, holds, read_terms
from research.runs.names import is_aside, look
from research.runs.rows import (
    Row,
    complete_steps,
    make_row,
    natural,
    order,
    report,
    with_differences,
)
from research.runs.run import Run
from research.runs.spelling import ABSENT, spell_field, spell_name, spell_seeds
from research.runs.summary import unreadable

STYLES = {
    "complete": "green",
    "running": "cyan",
    "stopped": "yellow",
    "diverged": "red",
    "damaged": "bold red",
    "unreadable": "magenta",
}


@dataclass(frozen=True)
class Options(OnRuns):
    """Options of `runs`."""

    sort: Annotated[str, "name, seed, state, step, figure, age, size, or a config field"] = "name"
    reverse: Annotated[bool, "in reverse order"] = False
    filter: Annotated[str, "states, texts and conditions with commas between; all must hold"] = ""
    all: Annotated[bool, "with those that --restart kept aside"] = False


def execute(tokens: Sequence[str], context: Context) -> Outcome:
    """Print the runs that are meant, in order."""
    words, options = parse(COMMAND, tokens)
    runs_dir = Path(options.runs_dir)
    terms = read_terms(options.filter)
    places = look(runs_dir)
    found = [run for run in places.runs if options.all or not is_aside(run.name)]
    hidden = len(places.runs) - len(found)
    rows = [make_row(place, runs_dir) for place in (*found, *places.without_ledger)]
    rows += [make_row(place, runs_dir, unreadable(place)) for place in places.unreadable]
    rows = complete_steps(rows)
    rows.sort(key=lambda row: natural(row.name))
    if rows:
        check_terms(terms, {name for row in rows for name in row.fields()})
    text = words[0].lower() if words else ""
    chosen = [
        row
        for row in rows
        if text in row.name.lower()
        and all(holds(term, row.name, row.run.state, row.fields()) for term in terms)
    ]
    if text and not any(text in row.name.lower() for row in rows):
        parts = {part for row in rows for part in row.name.split("/")}
        raise Mistake(f"no run has {words[0]} in its name{did_you_mean(text, parts)}")
    chosen = order(with_differences(chosen), options.sort, reverse=options.reverse)
    once = sum(not row.standing.again for row in rows)
    _print(chosen, once, hidden, runs_dir, context)
    return Outcome({"runs": [report(row) for row in chosen], "hidden": hidden})


def _print(rows: Sequence[Row], total: int, hidden: int, runs_dir: Path, context: Context) -> None:
    console = make_console(context.human)
    if not total:
        aside = f" in use ({hidden} kept aside: --all)" if hidden else ""
        console.print(f"{runs_dir} holds no runs{aside}")
        console.print("python launch.py run digits_cnn   makes one", style="dim")
        return
    if not rows:
        console.print(f"none of {total} runs fits")
        return
    print_table(_columns(rows), context.human)
    for row in rows:
        if row.run.problem:
            console.print(f"{row.name}: {row.run.problem}", style="red")
        if row.standing.words:
            console.print(f"{row.name}: {row.standing.words}", style="yellow")
    rows = [row for row in rows if not row.standing.again]
    size = spell_bytes(sum(row.size for row in rows))
    of = f"{len(rows)} of {total} runs" if len(rows) < total else f"{total} runs"
    of = "1 run" if of == "1 runs" else of
    aside = f"; {hidden} kept aside by --restart: --all shows them" if hidden else ""
    console.print(f"{of}, {size}{aside}", style="dim")


def _columns(rows: Sequence[Row]) -> list[Column]:
    now = time.time()
    names = [row.name for row in rows]
    figures = [(row.figure or "", row.figure_text) for row in rows]
    columns = [
        Column("run", names, "bold cyan", shorter=[
            (4, [name.partition("/")[2] for name in names]),
            (7, [short_name(name.partition("/")[2]) for name in names]),
            (10, [short_name(name.rpartition("/")[2]) for name in names]),
        ]),
        Column("seed", [spell_seeds(row.run.all_seeds) for row in rows], right=True,
               shorter=[(2, None)]),
        Column("state", [row.run.state for row in rows],
               styles=[STYLES[row.run.state] for row in rows]),
        Column("step", [spell_steps(row.run) for row in rows], right=True,
               shorter=[(6, [f"{row.run.step:,}" for row in rows])]),
        Column("figure", [f"{spell_name(name)} {text}".strip() for name, text in figures],
               shorter=[(5, [f"{spell_name(name.rpartition('/')[2])} {text}".strip()
                             for name, text in figures])]),
        Column("age", [spell_age(now - row.run.changed) for row in rows], right=True,
               shorter=[(9, None)]),
        Column("size", [spell_bytes(row.size) for row in rows], right=True, shorter=[(3, None)]),
        Column("differs in", [", ".join(spell_field(*field) for field in row.differing.items())
                              for row in rows], "dim",
               shorter=[(1, None)], flexible=True),
    ]  # fmt: skip
    return [column for column in columns if any(column.cells)]


def short_name(name: str) -> str:
    """A name with half of its digest, by which `find_run` knows it: `digits_cnn/3f2a9c-s0`."""
    return re.sub(r"([0-9a-f]{6})[0-9a-f]+(?=-s\d)", r"\1", name)


def spell_steps(run: Run) -> str:
    """`1,200/2,400`; the step alone where the run is whole or its length is not known."""
    if run.steps is None or run.step == run.steps:
        return f"{run.step:,}"
    return f"{run.step:,}/{run.steps:,}"


def spell_age(seconds: float) -> str:
    """`12 s`, `5 min`, `3 h`, `2 d`."""
    if math.isnan(seconds):
        return ABSENT
    for limit, unit, name in ((90, 1, "s"), (5400, 60, "min"), (129600, 3600, "h")):
        if seconds < limit:
            return f"{max(seconds, 0) / unit:.0f} {name}"
    return f"{seconds / 86400:.0f} d"


COMMAND = Command(
    name="runs",
    summary="a table of all runs: where each stands, what it reached, how old and large it is",
    text="""Every run below RUNS_DIR is a row; a population is one row, with the mean over its
    members and the 95 % interval of that mean. Nothing is computed or checked: only the ends of
    the runs' files are read. `show` has more of one run, `verify` proves it, `compare` tests
    whether runs differ.

    The state is complete, running (a process is at work in it), stopped (the same command
    continues it), diverged (a loss was not finite), damaged (its ledger cannot be read) or
    unreadable (this user may not read it). A link, a copy or a run under another name is named
    below the table; a link to another run is not counted again. The age is that of the last line of
    its ledger.

    The figure is the one that the experiment names. Where it names none, test data come before
    evaluation, validation and training, and accuracy or return before error before loss. Of an
    unfinished run it is the last one.

    --filter takes conditions with commas between, all of which must hold: a state, a text in the
    name, or FIELD=VALUE with =, !=, <, <=, > or >= on a config field, seed, step or size (bytes).
    Write < and > in quotes: the shell knows them too. --sort figure puts the best first, --sort age
    the newest.""",
    arguments=(Argument("TEXT", "only runs whose name holds this", required=False),),
    options=Options,
    examples=(
        ("runs", "all"),
        ("runs digits_cnn --sort figure", "those of one experiment, the best first"),
        ("runs --filter stopped", "what can be continued"),
        ("runs --filter 'ppo,learning_rate>=0.001,seed<4'", "by name and config"),
        ("runs --sort size --reverse", "the largest first"),
    ),
    exits=(),
    execute=execute,
)
