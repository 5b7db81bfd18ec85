"""`resume`: continue a run from its directory."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from research.cli.command import Argument, Command, Context, Outcome, parse
from research.cli.configure import added_since
from research.cli.display import Display
from research.cli.joining import follow_run
from research.cli.opening import named_of, opened_run
from research.cli.pace import Pace, slicing, start
from research.cli.reporting import keep_report
from research.cli.runs import find_run
from research.cli.tensorboard import with_events
from research.cli.together import run_together
from research.errors import Exit


def execute(tokens: Sequence[str], context: Context) -> Outcome:
    """Continue the run, or report it when it is finished."""
    (text,), options = parse(COMMAND, tokens)
    run = find_run(text, Path(options.runs_dir))
    if options.processes > 1:
        raise SystemExit(run_together("resume", tokens, options.processes))
    from research.engine.identity import read_identity
    from research.engine.initialize import kept_initial
    from research.engine.run import launch

    identity = read_identity(run)
    named = named_of(identity, context.root)
    channel = start(options)
    if channel is not None and not channel.leads:
        return follow_run(identity, options, context, channel)
    initial = kept_initial(run, identity.initial)
    with (
        Display(sys.stderr, context.human) as display,
        with_events(display, wanted=options.tensorboard) as observer,
        opened_run(
            named,
            identity,
            options.data,
            context.root,
            devices=options.devices or 1,
            channel=channel,
        ) as ready,
    ):
        for note in (context.note, added_since(named, identity.config)):
            if note:
                display.note(note)
        pace = slicing(options, ready.experiment)
        result = launch(
            ready.program, identity, run, ready.surroundings, pace, observer, initial=initial
        )
        if not options.no_report:
            keep_report(result, display, context.root)
    return Outcome(result)


COMMAND = Command(
    name="resume",
    summary="continue a run from its directory",
    text="""Continues a run from its newest whole checkpoint, with the config that it was
    started with, to the same bits as if nothing had happened. The command that started it does the
    same.""",
    arguments=(Argument("RUN", "a run's directory, or a part of its name that only one has"),),
    options=Pace,
    examples=(
        ("resume runs/vision/digits_cnn/3f2a9c01d2e4-s0", "by its path"),
        ("resume 3f2a --until 2000", "by the beginning of its digest, up to a step"),
    ),
    exits=(Exit.DIVERGED, Exit.DIFFERENCE, Exit.DAMAGED, Exit.STOPPED),
    execute=execute,
)
