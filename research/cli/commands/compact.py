"""`compact`: old ledgers rewritten in the compact form of today."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from research.errors import Exit
from research.options.command import Command, Context, OnRuns, Outcome, parse
from research.options.terminal import make_console, spell_bytes
from research.runs.names import RUN, find_meant


def execute(tokens: Sequence[str], context: Context) -> Outcome:
    """Rewrite the ledgers of the runs that are meant."""
    from research.engine.compact import compact

    words, options = parse(COMMAND, tokens)
    found = [run for word in words for run in find_meant(word, Path(options.runs_dir))]
    console = make_console(context.human)
    sizes = {}
    for run in dict.fromkeys(found):
        before, after = sizes[str(run)] = compact(run)
        change = f"{spell_bytes(before)} are {spell_bytes(after)}"
        what = "is compact" if before == after else change
        console.print(f"{run}: {what}", soft_wrap=True)
    return Outcome({"runs": {run: size._asdict() for run, size in sizes.items()}})


COMMAND = Command(
    name="compact",
    summary="rewrite ledgers of an older form in the compact one",
    text="""A ledger of an older form names every leaf of the state at each save; the compact form
    has the names once. This rewrites old ledgers. The new file is read again and compared with the
    old one, line by line, before it takes its place: digests of states and members, figures and
    results are the same. Its chain is another one, whose first line has the last digest of the old
    one.""",
    arguments=(RUN._replace(help="runs, by directory or a part of their names", many=True),),
    options=OnRuns,
    examples=(
        ("compact digits_cnn", "all runs of an experiment"),
        ("compact records/*/*/*", "what the shell names"),
    ),
    exits=(Exit.DAMAGED,),
    execute=execute,
    works=True,
)
