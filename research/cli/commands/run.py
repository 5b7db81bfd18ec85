"""`run`: start a named experiment, continue it, or report it when it is finished."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from research.cli.display import Display
from research.cli.launching import follow_run, launch_run, run_together, settle
from research.errors import Exit
from research.options.catalog import Named
from research.options.command import Command, Context, Outcome, Section
from research.options.configure import NAME, name_section
from research.options.launches import Plan, identity_of, read
from research.options.pace import RunOptions
from research.runs.other_runs import begin

if TYPE_CHECKING:
    from research.engine.processes import Channel


def execute(tokens: Sequence[str], context: Context) -> Outcome:
    """Launch what the command line names: a run, a population, or several one after the other."""
    named, plans, options = read(COMMAND.name, tokens, context, RunOptions)
    if options.processes > 1:
        raise SystemExit(run_together("run", tokens, options.processes))
    channel = settle(options)
    if channel is not None and not channel.leads:
        return _follow(named, plans, options, context, channel)
    results = [_launch(named, plan, options, context, channel) for plan in plans]
    return Outcome(results[0] if len(results) == 1 else {"runs": results})


def _follow(
    named: Named, plans: list[Plan], options: RunOptions, context: Context, channel: Channel
) -> Outcome:
    """Compute a share of each run, until one is stopped."""
    outcome = Outcome({})
    for plan in plans:
        begun = begin(identity_of(named, plan, options), plan.config, options, context)
        outcome = follow_run(begun.run, options, context, channel)
        if outcome.exit_code != Exit.DONE:
            break
    return outcome


def _launch(
    named: Named, plan: Plan, options: RunOptions, context: Context, channel: Channel | None
) -> dict[str, Any]:
    from research.engine.identity import runs_of_older_content
    from research.engine.run import restart

    begun = begin(identity_of(named, plan, options), plan.config, options, context)
    run = begun.run

    def before(display: Display) -> None:
        for note in begun.notes:
            display.note(note)
        if options.restart:
            for directory in dict.fromkeys((run.directory, *begun.aside)):
                aside = restart(directory)
                if aside:
                    display.note(f"the run that was there is kept as {aside}")
        elif not run.directory.exists():
            runs_dir = Path(options.runs_dir)
            for other in runs_of_older_content(run.identity, runs_dir, run.files):
                texts = ", ".join(run.files.values())
                display.note(
                    f"{other} learned from {texts} when that held another text, or before texts "
                    "were known by content; it is left alone"
                )

    return launch_run(run, options, context, channel, before)


def more(tokens: Sequence[str], context: Context) -> Section | None:
    """The options of the experiment named, for help."""
    return name_section(RunOptions, "Options of {}", tokens, context)


COMMAND = Command(
    name="run",
    summary="train a named experiment; the same command continues it or prints its result",
    text="""Trains the named experiment. Type the same command again after a kill, a crash or
    --until: it continues from the last checkpoint and ends with the same bits as a run that nothing
    disturbed. Of a finished run it prints the result.

    Experiment, config and seed make the run, and its directory, RUNS_DIR/FIELD/NAME/DIGEST-sSEED.
    The config is all options of the experiment: `run NAME --help` lists them. Of the options below,
    --initialize-from and --patience make another run, too; the rest change when it reports,
    evaluates and saves, where it computes and what is kept, but not one bit of the result.

    --seeds N trains a population as one program, and so do several values of a FLOAT of the
    experiment, with commas between: each value with each seed. Several values of anything else are
    runs of their own, one after the other. With --exact each member has the bits of its own run;
    with --width W members are trained W at a time, and their bits depend on W.

    With --patience N a run ends after N evaluations in a row without a better one, and reports its
    best checkpoint: by the metric by which the experiment selects, else by the figure that matters
    most of those evaluated during the run. A population ends when all its members have; each
    reports what it would have reported alone.

    Ctrl-C, SIGTERM, or the loss of the terminal (SIGHUP) saves and stops; a second Ctrl-C stops at
    once and loses nothing saved.""",
    arguments=(NAME,),
    options=RunOptions,
    examples=(
        ("run digits_cnn", "train it, continue it, or print its result"),
        ("run digits_cnn --help", "with the options of this experiment"),
        ("run digits_cnn --smoke", "a run of seconds, to see that it works"),
        ("run digits_cnn --seed 3 --learning-rate 3e-4", "another seed, another value"),
        ("run digits_cnn --devices 4", "its batches shared by four devices, the same bits"),
        ("run digits_cnn --processes 2", "or by two processes, as hosts of a cluster would"),
        ("run cartpole_ppo --seeds 8 --exact --devices 2", "eight seeds, shared by two devices"),
        ("run sine_rnn --seeds 3 --learning-rate 1e-3,1e-2", "six members in one program"),
        ("run digits_cnn --patience 5", "end after five evaluations without a better one"),
        ("run digits_cnn --until 500", "save and stop before step 500"),
    ),
    exits=(Exit.DIVERGED, Exit.DIFFERENCE, Exit.DAMAGED, Exit.STOPPED),
    execute=execute,
    more=more,
    works=True,
)
