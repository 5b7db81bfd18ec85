"""`diff`: the first save at which two runs differ."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from research.errors import Exit
from research.options.command import Argument, Command, Context, OnRuns, Outcome, parse
from research.options.terminal import make_console
from research.runs.names import RUN, find_run

if TYPE_CHECKING:
    from research.engine.diff import Parting


def execute(tokens: Sequence[str], context: Context) -> Outcome:
    """Compare two runs' ledgers and print the first difference."""
    texts, options = parse(COMMAND, tokens)
    left, right = (find_run(text, Path(options.runs_dir)) for text in texts)
    from research.engine.diff import diff

    parting = diff(left, right)
    _print(parting, context.human)
    same = parting.step is None and parting.common > 0
    code = Exit.DONE if same else Exit.DIFFERENCE
    report = {"left": str(left), "right": str(right), "same": same, **parting._asdict()}
    return Outcome({**report, "exit_code": int(code)}, code)


def _print(parting: Parting, file: TextIO) -> None:
    console = make_console(file)
    for sentence in parting.differences:
        console.print(f"  {sentence}")
    if not parting.common:
        console.print("the two runs have no save at the same step: nothing can be compared")
    elif parting.step is None:
        console.print(
            f"the same to the bit at all {parting.common} common saves", style="bold green"
        )
    else:
        last = parting.last_equal
        before = "the first save" if last is None else f"the same up to step {last}"
        text = f"they differ at step {parting.step} ({before}): {parting.leaves}"
        console.print(text, style="bold red")


COMMAND = Command(
    name="diff",
    summary="find the first save at which two runs differ",
    text="""Compares the ledgers of two runs: what differs in config, seed, data, code and
    environment, the first save at which the states differ, and the leaves that do. Nothing is
    computed again.""",
    arguments=(
        RUN,
        Argument("OTHER", "another run"),
    ),
    options=OnRuns,
    examples=(("diff runs/vision/digits_cnn/3f2a9c01d2e4-s0 other/3f2a9c01d2e4-s0", "by path"),),
    exits=(Exit.DIFFERENCE, Exit.DAMAGED),
    execute=execute,
)
