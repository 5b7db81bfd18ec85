"""`sweep`: many runs of one experiment, over a grid, at random, or guided by those before."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from research.cli.command import Argument, Command, Context, Outcome, Section
from research.errors import Exit
from research.options.options import options_of
from research.sweep.options import SweepOptions


def execute(tokens: Sequence[str], context: Context) -> Outcome:
    """Make, continue or report the sweep that the command line names."""
    from research.sweep.launch import sweep

    return sweep(COMMAND, tokens, context, sys.stderr)


def more(tokens: Sequence[str], context: Context) -> Section | None:
    """The fields of the experiment named, for help."""
    from research.options.catalog import catalog, load, resolve
    from research.options.configure import config_options
    from research.sweep.request import find_experiment

    entries = catalog(context.root)
    at = find_experiment(tokens, entries)
    if at is None:
        return None
    named = load(resolve(tokens[at], entries))
    title = f"What can vary in {named.name}, or be fixed as an option"
    return Section(title, config_options(named, options_of(SweepOptions)))


COMMAND = Command(
    name="sweep",
    summary="many runs over values of the config: a grid, at random, or guided",
    text="""Runs the named experiment at many points of its config and ranks them. What varies is
    written field=VALUES, as a list (1e-3,3e-3) or, where points are drawn, as a range: 0:0.5, or
    log:1e-4:1e-1 where factors count alike. In a grid a range has a number of values,
    log:1e-4:1e-1:4. Lists of lists are parted by /: widths=32,64/64,64. Every other field keeps its
    default, or what an option fixes: --epochs 20.

    --grid tries every combination. --random N draws N points. --optimize METRIC --trials N lets
    Optuna choose each point by the figures of those before (TPE), and stops trials that are worse
    than the median of the others at the same share of their way. Choose by validation figures: a
    test set that was chosen by no longer tells how good the choice is.

    Each trial is an ordinary run, in the directory that `run` would give it: show, verify, diff and
    resume take it, and a run that is there already costs nothing. The same command continues a
    sweep that was stopped or killed, and reports one that is finished; with a larger N it goes
    on. A trial whose loss is not finite is a failed trial, and the sweep goes on; one that crashed
    is tried again by the same command (then the exit code is 1). Ctrl-C, SIGTERM or SIGHUP
    lets the runs save and stops them.""",
    arguments=(
        Argument("NAME", "an experiment; its last part is enough where only one has it"),
        Argument("FIELD=VALUES...", "what varies"),
    ),
    options=SweepOptions,
    examples=(
        (
            "sweep digits_cnn --grid learning-rate=1e-3,2e-3,4e-3 width=16,32 --seeds 3",
            "six points, three seeds each",
        ),
        (
            "sweep digits_cnn --random 20 learning-rate=log:1e-4:1e-1 dropout-rate=0:0.5 --jobs 4",
            "twenty points, four runs at a time",
        ),
        (
            "sweep digits_cnn --optimize validation/accuracy --trials 30 scale=1:1.3 width=8:64",
            "guided by validation accuracy",
        ),
        ("sweep digits_cnn --smoke --grid width=4,8", "a sweep of a minute, to see that it works"),
        (
            "sweep digits_cnn --grid width=16,32 --slurm --slurm-partition gpu --slurm-gpus 1",
            "each run a SLURM job",
        ),
        ("sweep digits_cnn --help", "what can vary in this experiment"),
    ),
    exits=(Exit.DIVERGED, Exit.DAMAGED, Exit.STOPPED),
    execute=execute,
    more=more,
    works=True,
)
