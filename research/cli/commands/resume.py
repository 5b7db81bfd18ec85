"""`resume`: continue a run from its directory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from research.cli.display import Display
from research.cli.launching import follow_run, launch_run, run_together, settle
from research.engine.directory import LEDGER_FILE
from research.errors import Exit
from research.options.assembly import Launch, named_of
from research.options.command import Command, Context, Outcome, parse
from research.options.configure import added_since
from research.options.pace import TEXT, Pace
from research.options.ranges import PATH
from research.runs.names import RUN, find_run


@dataclass(frozen=True)
class Options(Pace):
    """Options of `resume`."""

    text: Annotated[str, TEXT, PATH] = ""


def execute(tokens: Sequence[str], context: Context) -> Outcome:
    """Continue the run, or report it when it is finished."""
    (text,), options = parse(COMMAND, tokens)
    run = find_run(text, Path(options.runs_dir))
    if options.processes > 1:
        raise SystemExit(run_together("resume", tokens, options.processes))
    from research.engine import ledger
    from research.engine.identity import read_identity
    from research.engine.inputs import kept
    from research.engine.own_files import find

    identity = read_identity(run)
    files = find(run, identity.config, {"text": options.text})
    channel = settle(options)
    inputs = kept(run, ledger.read(run / LEDGER_FILE).header, Path(options.runs_dir))
    launch = Launch(identity, run, inputs, files)
    if channel is not None and not channel.leads:
        return follow_run(launch, options, context, channel)

    def before(display: Display) -> None:
        added = added_since(named_of(identity, context.root), identity.config)
        if added:
            display.note(added)

    return Outcome(launch_run(launch, options, context, channel, before))


COMMAND = Command(
    name="resume",
    summary="continue a run from its directory",
    text="""Continues a run from its newest whole checkpoint, with the config of its start, and ends
    with the same bits as if nothing had happened. The command that started it does the same.""",
    arguments=(RUN,),
    options=Options,
    examples=(
        ("resume runs/vision/digits_cnn/3f2a9c01d2e4-s0", "by its path"),
        ("resume 3f2a --until 2000", "by the beginning of its digest, up to a step"),
    ),
    exits=(Exit.DIVERGED, Exit.DIFFERENCE, Exit.DAMAGED, Exit.STOPPED),
    execute=execute,
    works=True,
)
