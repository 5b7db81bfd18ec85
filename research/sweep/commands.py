"""The command `sweep`: many runs of one experiment, over a grid, at random, or guided."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from research.engine.directory import RESULT_FILE, hold
from research.engine.durable import write_file
from research.engine.interrupts import stop_on_signals
from research.errors import Exit, Mistake, Stopped
from research.options.command import Argument, Command, Context, Outcome, Section
from research.options.configure import NAME, name_section
from research.options.pace import Pace, slicing
from research.sweep import plan, results
from research.sweep.drive import drive
from research.sweep.launchers import (
    ClusterLauncher,
    Launcher,
    LocalLauncher,
    require_submitit,
)
from research.sweep.plan import Plan
from research.sweep.request import PACE, Request, SweepOptions, read
from research.sweep.results import Progress, print_report, spell_ended
from research.sweep.search import Guided, Listed, Search, best_of, counts, ranked
from research.sweep.space import Point, is_axis, spell_space
from research.sweep.study import Study, require_optuna
from research.sweep.trial import Failures, Recipe, Trial, jobs_of, run_words
from research.sweep.trial import Outcome as Ended

SWEEP_FILE, TABLE_FILE = "sweep.json", "table.csv"


class Aim(NamedTuple):
    """What trials are ranked by."""

    metric: str
    maximize: bool


def sweep(tokens: Sequence[str], context: Context) -> Outcome:
    """Make, continue or report the sweep that the command line names.

    Raises:
        Mistake: all that is wrong with the command line; nothing was created.
        Stopped: it was stopped, and the same command goes on.
        Damaged: its history cannot be read.
    """
    plan.use_cpu()

    request = read(COMMAND.name, tokens, context, _metric_mistakes)
    options = request.options
    if options.method == "optimize":
        require_optuna()
    if options.slurm:
        require_submitit(options.slurm_cluster)
    _check_pace(request)
    aim = _aim(request)
    planned = _plan(request, aim)
    directory = planned.directory(Path(options.runs_dir))
    directory.mkdir(parents=True, exist_ok=True)
    with hold(directory), Progress(sys.stderr) as display:
        for text in (context.note, _exhausted(request), _warning(aim.metric)):
            if text:
                display.note(text)
        write_file(directory / SWEEP_FILE, planned.spell())
        return _carry_out(request, aim, directory, context, display)


def _carry_out(
    request: Request, aim: Aim, directory: Path, context: Context, display: Progress
) -> Outcome:
    options = request.options
    recipe = Recipe(
        request.named.name,
        request.fixed,
        pace_words(options),
        Path(options.runs_dir),
        options.seed,
        options.seeds,
    )
    study = Study(directory, request.space, maximize=aim.maximize) if options.optimize else None
    search = _search(request, aim, recipe, directory, study, display.note)
    count = options.trials or len(request.points)
    display.show(
        f"{request.named.name}: {options.method}, {count} {'trials' if count > 1 else 'trial'}"
        + (f" of {options.seeds} seeds" if options.seeds > 1 else "")
        + f", by {aim.metric} ({'larger' if aim.maximize else 'smaller'} is better)"
    )
    display.show(f"sweep directory: {directory}")
    before = sum(bool(outcome.state) for outcome in search.outcomes())
    if before:
        display.show(f"{before} of {count} trials are there already")

    def ended(outcome: Ended) -> None:
        everything = search.outcomes()
        done = sum(bool(outcome.state) for outcome in everything)
        best = best_of(everything, maximize=aim.maximize)
        display.show(spell_ended(outcome, aim.metric, done, count, best))
        display.done(done)

    stopped: Stopped | None = None
    try:
        with stop_on_signals(display.note) as stop:
            launcher = _launcher(options, directory, context, request.named.name)
            display.start(count)
            display.done(before)
            try:
                drive(
                    search,
                    launcher,
                    _capacity(options),
                    stop,
                    display.note,
                    ended,
                    display.at_work,
                )
            except Stopped as error:
                stopped = error
        display.stop()
        outcomes = search.outcomes()
    finally:
        if study is not None:
            study.shut()
    report, best = _report(request, aim, recipe, directory, outcomes)
    write_file(directory / RESULT_FILE, json.dumps(report, indent=2) + "\n")
    write_file(directory / TABLE_FILE, results.spell_csv(report["trials"], aim.metric))
    print_report(report, best, context.human)
    if stopped is not None:
        raise StoppedSweep(stopped, report)
    retry = [o for o in outcomes if any(e is not None and not e.final for e in o.endings)]
    if retry:
        display.note(
            f"{len(retry)} of the failed trials crashed: the same command tries them again"
        )
    code = Exit.DIVERGED if retry or not best else Exit.DONE
    return Outcome({**report, "exit_code": int(code)}, code)


class StoppedSweep(Stopped):
    """A sweep that was stopped; `result` holds its table so far."""

    def __init__(self, why: Stopped, report: dict[str, Any]) -> None:
        done = sum(trial["state"] != "unfinished" for trial in report["trials"])
        super().__init__(
            f"{why}; {done} trials have ended, the runs at work have saved, and the same command "
            "goes on from there"
        )
        self.result = report


def _check_pace(request: Request) -> None:
    """Refuse here what each run would refuse: a run's own check of how often it evaluates.

    Raises:
        Mistake: the experiment selects by a metric, and is to evaluate at other steps.
    """
    pace = Pace(**{name: getattr(request.options, name) for name in PACE})
    if pace.evaluate_every is not None:
        slicing(pace, request.make(request.config(request.example)))


def _metric_mistakes(request: Request, config: Any) -> list[str]:
    """What is wrong with the metric that was named, if anything is."""
    try:
        found = plan.measures_of(request.named, config, request.inputs, request.root)
    except Mistake as mistake:
        return [str(mistake)]
    wrong = plan.metric_mistake(request.options.objective, found)
    return [wrong] if wrong else []


def _aim(request: Request) -> Aim:
    """What trials are ranked by: what was named, else the best that the experiment reports.

    Raises:
        Mistake: nothing was named, and nothing is reported that could be ranked by.
    """
    options = request.options
    metric = options.objective
    if not metric:
        first = request.config(request.example)
        found = plan.measures_of(request.named, first, request.inputs, request.root)
        metric = plan.default_metric(list(found.names), found.selected, found.headline)
        if not metric:
            raise Mistake(
                f"sweep {request.named.name}: what to rank by? --metric with one of "
                f"{', '.join(found.names)}, and --minimize or --maximize"
            )
    return Aim(metric, options.direction(metric) != "minimize")


def _plan(request: Request, aim: Aim) -> Plan:
    options = request.options
    guided = options.method == "optimize"
    shared = request.identity(request.base).config
    fixed = {name: value for name, value in shared.items() if name not in request.space}
    return Plan(
        request.named.name,
        options.method,
        spell_space(request.space),
        fixed,
        options.seed,
        options.seeds,
        0 if options.method == "grid" else options.sampling_seed,
        aim.metric if guided else "",
        ("maximize" if aim.maximize else "minimize") if guided else "",
        guided and options.prune,
    )


def _exhausted(request: Request) -> str:
    wanted = request.options.random
    if wanted is None or len(request.points) == wanted:
        return ""
    return f"only {len(request.points)} of {wanted} points were found: {request.exhausted}"


def _warning(metric: str) -> str:
    if not plan.is_test(metric):
        return ""
    return (
        f"{metric} is measured on the test set: what is chosen by it is no longer tested by it. "
        "Choose by a validation figure, and look at the test figure of the best trial alone"
    )


def pace_words(options: SweepOptions) -> tuple[str, ...]:
    """The options of `run` that change no bit and were given for every run."""
    from research.options.convert import spell

    default = SweepOptions()
    kept = (f"--keep={options.keep}",)
    return kept + tuple(
        f"--{name.replace('_', '-')}={spell(getattr(options, name))}"
        for name in PACE
        if name != "keep" and getattr(options, name) != getattr(default, name)
    )


def _search(
    request: Request, aim: Aim, recipe: Recipe, directory: Path, study: Study | None, note: Any
) -> Search:
    def make(number: int, point: Point) -> Trial:
        config = request.config(point)
        steps = _steps(request, config) if study is not None else 0
        own = request.identity(config)
        return Trial(number, point, jobs_of(recipe, number, point, own), steps)

    options = request.options
    if study is None:
        trials = [make(number, point) for number, point in enumerate(request.points)]
        return Listed(trials, aim.metric, Failures(directory))
    return Guided(
        study,
        options.trials or 0,
        aim.metric,
        options.sampling_seed,
        make,
        request.refused,
        pruning=options.prune,
        note=note,
    )


def _steps(request: Request, config: Any) -> int:
    """How many steps a run has; 0 where the experiment cannot be made: its run will say why."""
    try:
        return int(request.make(config).steps)
    except Exception:
        return 0


def _capacity(options: SweepOptions) -> int:
    # A cluster has its own queue: what is known beforehand is handed over as one array.
    return 10**9 if options.slurm and not options.optimize else options.jobs


def _launcher(options: SweepOptions, directory: Path, context: Context, name: str) -> Launcher:
    program = context.root / "launch.py"
    if not options.slurm:
        return LocalLauncher(program, directory / "logs")
    return ClusterLauncher(program, directory, options, name.rpartition("/")[2])


def _report(
    request: Request, aim: Aim, recipe: Recipe, directory: Path, outcomes: Sequence[Ended]
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The content of `result.json`, and the words that run the best trial again."""
    rows = [
        results.report_row(outcome, aim.metric, recipe.runs_dir)
        for outcome in ranked(outcomes, maximize=aim.maximize)
    ]
    best = best_of(outcomes, maximize=aim.maximize)
    words = run_words(recipe, best.trial.point, recipe.seed) if best is not None else ()
    number = counts(outcomes)
    wanted = request.options.trials or len(request.points)
    return {
        "experiment": request.named.name,
        "sweep_dir": str(directory),
        "method": request.options.method,
        "metric": aim.metric,
        "direction": "maximize" if aim.maximize else "minimize",
        "trials_wanted": wanted,
        "complete": not number[""] and len(outcomes) > 0,
        "completed": number["complete"],
        "pruned": number["pruned"],
        "failed": number["failed"],
        "best": {**rows[0], "command": ["python", "launch.py", *words]} if words else None,
        "trials": rows,
    }, words


def more(tokens: Sequence[str], context: Context) -> Section | None:
    """The fields of the experiment named, for help."""
    title = "What can vary in {}, or be fixed as an option"
    return name_section(SweepOptions, title, tokens, context, is_axis)


COMMAND = Command(
    name="sweep",
    summary="many runs over values of the config: a grid, at random, or guided",
    text="""Runs the named experiment at many points of its config and ranks them. What varies is
    written field=VALUES: a list, 1e-3,3e-3, or, where points are drawn, a range, 0:0.5, or on a
    logarithmic scale log:1e-4:1e-1. In a grid a range has a number of values, log:1e-4:1e-1:4.
    Lists of lists are divided by /: widths=32,64/64,64. Every other field keeps its default, or the
    value of an option: --epochs 20.

    --grid tries every combination. --random N draws N points. --optimize METRIC --trials N lets
    Optuna choose each point by the figures of those before (TPE), and stops trials that are worse
    than the median of the others at the same share of their steps. Choose by validation figures:
    the test figure of a choice that was made by it is too good.

    Each trial is an ordinary run, in the directory that `run` would give it: show, verify, diff and
    resume take it, and a run that is there already costs nothing. The same command continues a
    sweep that was stopped or killed, and reports one that is finished; with a larger N it goes
    on. A trial whose loss is not finite is a failed trial, and the sweep goes on; one that crashed
    is tried again by the same command (then the exit code is 1). Ctrl-C, SIGTERM or SIGHUP
    stops the runs, which save first.""",
    arguments=(
        NAME,
        Argument("FIELD=VALUES...", "what varies"),
    ),
    options=SweepOptions,
    examples=(
        (
            "sweep digits_cnn --grid learning-rate=1e-3,2e-3,4e-3 channels=16,32 --seeds 3",
            "six points, three seeds each",
        ),
        (
            "sweep digits_cnn --random 20 learning-rate=log:1e-4:1e-1 dropout-rate=0:0.5 --jobs 4",
            "twenty points, four runs at a time",
        ),
        (
            "sweep digits_cnn --optimize validation/accuracy --trials 30 scale=1:1.3 channels=8:64",
            "guided by validation accuracy",
        ),
        (
            "sweep digits_cnn --smoke --grid channels=4,8",
            "a sweep of a minute, as a trial",
        ),
        (
            "sweep digits_cnn --grid channels=16,32 --slurm --slurm-partition gpu --slurm-gpus 1",
            "each run a SLURM job",
        ),
        ("sweep digits_cnn --help", "what can vary in this experiment"),
    ),
    exits=(Exit.DIVERGED, Exit.DAMAGED, Exit.STOPPED),
    execute=sweep,
    more=more,
    works=True,
)
