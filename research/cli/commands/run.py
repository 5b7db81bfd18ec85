"""`run`: start a named experiment, continue it, or report it when it is finished."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from research.cli.display import Display
from research.cli.inputs import begin
from research.cli.launching import follow_run, launch_run, run_together, settle
from research.errors import Exit
from research.options.catalog import Named
from research.options.command import (
    Command,
    Context,
    Outcome,
    Section,
    help_hint,
    own_options,
    wrong_count,
)
from research.options.config import config_fields, traced_floats
from research.options.configure import NAME, config_options, configure, name_section, read_name
from research.options.options import Scan, Several, options_of, refuse, scan
from research.options.pace import MOST_MEMBERS, RunOptions

if TYPE_CHECKING:
    from research.engine.identity import Identity, Many
    from research.engine.processes import Channel


def execute(tokens: Sequence[str], context: Context) -> Outcome:
    """Launch what the command line names: a run, a population, or several one after the other."""
    named, plans, options = read(COMMAND, tokens, context)
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
    from research.engine.own_files import paths_of

    outcome = Outcome({})
    for plan in plans:
        begun = begin(identity_of(named, plan, options), plan.config, options, context)
        files = paths_of(plan.config)
        outcome = follow_run(begun.identity, files, begun.inputs, options, context, channel)
        if outcome.exit_code != Exit.DONE:
            break
    return outcome


def _launch(
    named: Named, plan: Plan, options: RunOptions, context: Context, channel: Channel | None
) -> dict[str, Any]:
    from research.engine.identity import runs_of_older_content
    from research.engine.own_files import paths_of
    from research.engine.run import restart

    runs_dir = Path(options.runs_dir)
    own = identity_of(named, plan, options)
    identity, inputs, others, notes = begin(own, plan.config, options, context)
    directory = identity.directory(runs_dir)
    files = paths_of(plan.config)

    def before(display: Display) -> None:
        for note in notes:
            display.note(note)
        if options.restart:
            for run in dict.fromkeys((directory, *others)):
                aside = restart(run)
                if aside:
                    display.note(f"the run that was there is kept as {aside}")
        elif not directory.exists():
            for other in runs_of_older_content(identity, runs_dir, files):
                display.note(
                    f"{other} learned from {', '.join(files.values())} when that held another "
                    "text, or before texts were known by content; it is left alone"
                )

    return launch_run(named, identity, directory, options, context, channel, inputs, files, before)


def read(
    command: Command, tokens: Sequence[str], context: Context
) -> tuple[Named, list[Plan], RunOptions]:
    """The experiment, the runs of it that are asked for, and the options of all of them.

    Raises:
        Mistake: all that is wrong with the command line.
    """
    named, rest = read_name(command, tokens, context)
    own = options_of(RunOptions)
    theirs = config_options(named, own)
    found = scan(rest, (*own, *theirs))
    options, messages = own_options(command, found)
    plans, refused = plans_of(named, found, smoke=options.smoke)
    extra = wrong_count(command._replace(arguments=()), found)
    mistakes = [*found.mistakes, *messages, *refused, *extra]
    refuse(f"{command.name} {named.name}", mistakes, help_hint(command, named.name))
    return named, plans, options


def more(tokens: Sequence[str], context: Context) -> Section | None:
    """The options of the experiment named, for help."""
    return name_section(COMMAND, "Options of {}", tokens, context)


COMMAND = Command(
    name="run",
    summary="train a named experiment; the same command continues or reports it",
    text="""Starts the named experiment. The same command, typed again after a kill, a crash or
    --until, continues where the last checkpoint stands and ends with the same bits as a run that
    nothing disturbed; for a finished run it reports the result.

    What the run is, its experiment, config and seed, decides its directory,
    RUNS_DIR/FIELD/NAME/DIGEST-sSEED. Of the other options below, --initialize-from and --patience
    make it another run, too; the rest change when the loop stops to report, evaluate and save,
    where it runs and what is kept, but not one bit of the result.

    With --patience N a run ends after N evaluations in a row without a better one, and reports its
    best checkpoint: by the metric by which the experiment selects, else by the figure that matters
    most of those that are watched. A population ends when all its members are out; each reports
    what it would have reported alone.

    --seeds N trains a population as one program, and so do several values of a FLOAT of the
    experiment, with commas between: each value with each seed. Several values of anything else
    are runs of their own, one after the other. With --exact each member has the bits of its own
    run; with --width W members are trained W at a time, and their bits depend on W.

    Ctrl-C, SIGTERM, or the loss of the terminal (SIGHUP) saves and stops; a second Ctrl-C stops at
    once and loses nothing saved.""",
    arguments=(NAME,),
    options=RunOptions,
    examples=(
        ("run digits_cnn", "train it, continue it, or report it"),
        ("run digits_cnn --help", "with the options of this experiment"),
        ("run digits_cnn --smoke", "a run of seconds, to see that it works"),
        ("run digits_cnn --seed 3 --learning-rate 3e-4", "another seed, another value"),
        ("run digits_cnn --devices 4", "its batches shared by four devices, the same bits"),
        ("run digits_cnn --processes 2", "or by two processes, as hosts of a cluster would"),
        ("run cartpole_ppo --seeds 8 --exact --devices 2", "eight seeds, shared by two devices"),
        ("run sine_rnn --seeds 3 --learning-rate 1e-3,1e-2", "six members in one program"),
        ("run digits_cnn --patience 5", "end after five evaluations without a better one"),
        ("run digits_cnn --until 500", "stop, saved, before step 500"),
    ),
    exits=(Exit.DIVERGED, Exit.DIFFERENCE, Exit.DAMAGED, Exit.STOPPED),
    execute=execute,
    more=more,
    works=True,
)


class Plan(NamedTuple):
    """One run, or one population, to be launched.

    Attributes:
        config: that of its first member.
        varied: float fields of which each member has one value: name -> values.
    """

    config: Any
    varied: dict[str, list[float]]

    @property
    def members(self) -> int:
        """How many combinations of values there are."""
        return math.prod(len(values) for values in self.varied.values())


def plans_of(named: Named, found: Scan, *, smoke: bool) -> tuple[list[Plan], list[str]]:
    """What a command line asks for, and messages on all values that are out of range.

    Floats are traced: several values of one make a population, trained by one program. What
    decides shapes makes runs of their own, one after the other.
    """
    varying = traced_floats(named.config)
    several = {n: v.values for n, v in found.values.items() if isinstance(v, Several)}
    varied = {name: list(values) for name, values in several.items() if name in varying}
    apart = {name: values for name, values in several.items() if name not in varying}
    if math.prod(map(len, several.values())) > MOST_MEMBERS:
        return [], [f"more than {MOST_MEMBERS:,} combinations of values"]
    plans, messages = [], []
    for shapes in itertools.product(*apart.values()):
        fixed = {**found.values, **dict(zip(apart, shapes, strict=True))}
        first = None
        for chosen in itertools.product(*varied.values()):
            values = {**fixed, **dict(zip(varied, chosen, strict=True))}
            config, refused = configure(named, found._replace(values=values), smoke=smoke)
            messages += refused
            first = config if first is None else first
        plans.append(Plan(first, varied))
    return plans, list(dict.fromkeys(messages))


def identity_of(named: Named, plan: Plan, options: RunOptions) -> Identity:
    """What run a plan is, without what it is given of other runs.

    Raises:
        Mistake: a file of one's own cannot be read.
    """
    from research.engine.identity import Identity

    return Identity(
        named.name,
        config_fields(plan.config) | plan.varied,
        options.seed,
        population=population_of(plan, options),
        patience=options.patience,
    )


def population_of(plan: Plan, options: RunOptions) -> Many | None:
    """The population that a plan is; None for a run of one seed."""
    from research.engine.identity import Many

    if options.seeds == 1 and not plan.varied:
        return None
    width = 1 if options.exact else options.width
    members = options.seeds * plan.members
    return Many(options.seeds, width or default_width(members), tuple(plan.varied))


def default_width(members: int) -> int:
    """How many members are trained together where nobody says; the devices have no part in it.

    On CPU no width was measured to be faster than one by one, an image net by width 4 three times
    slower (`benchmarks/exactness.py`), and one by one has the bits of runs of their own. On an
    accelerator, which many members at once would keep busy, nothing was measured yet; blocks of 32
    leave a large population something to spread over devices.
    """
    import jax

    return 1 if jax.default_backend() == "cpu" else min(members, 32)
