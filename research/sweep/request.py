"""From a command line to a sweep that is right in every part, or to all that is wrong with it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

from research.errors import Mistake
from research.options.assembly import make_given
from research.options.catalog import Named
from research.options.command import RUNS_DIR, Common, Context, help_hint, own_options
from research.options.config import config_fields, fields_of, problems_of
from research.options.configure import config_options, configure, read_name
from research.options.options import options_of, refuse, scan
from research.options.pace import (
    AUTO,
    CoreChoice,
    Feeding,
    WorkerCount,
    WorkerKind,
    cores_mistakes,
    seed_problems,
    workers_mistakes,
)
from research.options.ranges import AMOUNT, COUNT, PATH, POSITIVE, SEED, Range, RunOf
from research.runs.other_runs import pin, take_named
from research.sweep.launchers import extra_of, minutes_of
from research.sweep.plan import direction_of
from research.sweep.space import (
    Point,
    Space,
    draw_fresh,
    grid_points,
    grid_size,
    is_axis,
    point_options,
    random_points,
    read_space,
    spell_point,
)

if TYPE_CHECKING:
    from research.engine.experiment import Experiment
    from research.engine.identity import Identity
    from research.engine.inputs import Input

PACE = (
    "report_every", "evaluate_every", "save_every", "save_seconds", "keep", "data", "cores",
    "workers", "worker_kind",
)  # fmt: skip
"""Options that are passed on to every run."""


@dataclass(frozen=True)
class Method:
    """What is tried, and how often."""

    grid: Annotated[bool, "try every combination of the values"] = False
    random: Annotated[int | None, "try so many points, drawn at random", COUNT] = None
    optimize: Annotated[str, "try what promises the best value of this METRIC"] = ""
    trials: Annotated[int | None, "how many points --optimize tries", COUNT] = None
    minimize: Annotated[bool, "the metric is to be small [by its name]"] = False
    maximize: Annotated[bool, "the metric is to be large [by its name]"] = False
    metric: Annotated[str, "what --grid and --random rank by [validation, if there is any]"] = ""
    prune: Annotated[bool, "with --optimize: stop trials that are worse than the median"] = True
    seeds: Annotated[int, "runs of each point, from --seed on; the mean counts", COUNT] = 1
    seed: Annotated[int, "first seed of each point", SEED] = 0
    sampling_seed: Annotated[
        int, "decides the points of --random and --optimize", Range(0, 2**63 - 1)
    ] = 0
    smoke: Annotated[bool, "the experiment's small config, for every trial"] = False


@dataclass(frozen=True)
class Place(Common):
    """Where the runs are made."""

    jobs: Annotated[int, "runs at a time; with --optimize, trials at a time", COUNT] = 1
    slurm: Annotated[bool, "make each run a SLURM job (through submitit)"] = False
    slurm_partition: Annotated[str, "partition"] = ""
    slurm_time: Annotated[str, "limit of a job, MINUTES or H:MM; a run cut short goes on"] = "4:00"
    slurm_gpus: Annotated[int, "GPUs of a job", AMOUNT] = 0
    slurm_cpus: Annotated[int | None, "cores of a job", COUNT] = None
    slurm_memory: Annotated[float | None, "GB of memory of a job", POSITIVE] = None
    slurm_account: Annotated[str, "account to charge"] = ""
    slurm_extra: Annotated[str, "more options of sbatch: qos=high,constraint=a100"] = ""
    slurm_cluster: Annotated[
        Literal["slurm", "local"], "local: the same code on this machine, without SLURM"
    ] = "slurm"
    report_every: Annotated[int | None, "of each run, as `run` has it", COUNT] = None
    evaluate_every: Annotated[int | None, "of each run", COUNT] = None
    save_every: Annotated[int | None, "of each run", COUNT] = None
    save_seconds: Annotated[float, "of each run", POSITIVE] = 30.0
    keep: Annotated[int, "how many of the newest checkpoints of each run stay", COUNT] = 1
    data: Feeding = "auto"
    workers: WorkerCount = 2
    worker_kind: WorkerKind = "threads"
    cores: CoreChoice = AUTO
    runs_dir: Annotated[str, "where runs and sweeps are kept", PATH] = RUNS_DIR


@dataclass(frozen=True)
class SweepOptions(Place, Method):
    """The options of `sweep`."""

    @property
    def method(self) -> str:
        """`grid`, `random`, `optimize`, or "" where none was chosen."""
        if self.optimize:
            return "optimize"
        return "random" if self.random is not None else "grid" if self.grid else ""

    @property
    def objective(self) -> str:
        """The metric that was named, or ""."""
        return self.optimize or self.metric

    def direction(self, metric: str) -> str:
        """`minimize` or `maximize`; "" where neither option nor name decides."""
        if self.minimize or self.maximize:
            return "minimize" if self.minimize else "maximize"
        return direction_of(metric)

    def validate(self) -> list[str]:
        """What does not go together, a message each."""
        seeds = seed_problems(self.seed, self.seeds)
        return [*self._method_mistakes(), *seeds, *self._place_mistakes()]

    def _method_mistakes(self) -> list[str]:
        messages = []
        chosen = [self.grid, self.random is not None, bool(self.optimize)]
        if sum(chosen) != 1:
            which = "one of" if not any(chosen) else "only one of"
            messages.append(f"{which} --grid, --random N and --optimize METRIC is wanted")
        if "=" in self.optimize:
            messages.append(
                f"--optimize {self.optimize}: METRIC is missing (as in --optimize validation/loss)"
            )
        if self.optimize and self.trials is None:
            messages.append("--optimize wants --trials N as well: how many points to try")
        if self.trials is not None and not self.optimize and any(chosen):
            instead = f"--random {self.trials}" if self.random is not None else "it tries them all"
            messages.append(f"--trials goes with --optimize; with --{self.method}: {instead}")
        if self.metric and self.optimize:
            messages.append("--metric goes with --grid and --random; --optimize names its own")
        if self.minimize and self.maximize:
            messages.append("only one of --minimize and --maximize is wanted")
        elif self.objective and "=" not in self.optimize and not self.direction(self.objective):
            messages.append(
                f"{self.objective}: its name does not tell whether it is to be small or large; "
                "add --minimize or --maximize"
            )
        return messages

    def _place_mistakes(self) -> list[str]:
        messages = cores_mistakes(self.cores)
        messages += workers_mistakes(self.workers, self.worker_kind)
        if minutes_of(self.slurm_time) is None:
            messages.append(
                f"--slurm-time must be MINUTES or HOURS:MINUTES, at least 2 minutes, "
                f"not {self.slurm_time}"
            )
        if self.slurm_extra and extra_of(self.slurm_extra) is None:
            messages.append(f"--slurm-extra must be NAME=VALUE,..., not {self.slurm_extra}")
        if not self.slurm:
            default = SweepOptions()
            messages += [
                f"--{name.replace('_', '-')} goes with --slurm"
                for name in vars(default)
                if name.startswith("slurm_") and getattr(self, name) != getattr(default, name)
            ]
        return messages


LARGEST_GRID = 10_000
_SHOWN = 5


class Request(NamedTuple):
    """What is asked for.

    Attributes:
        named: the experiment.
        base: its config with the fixed options; the point's values replace their fields.
        given: the fixed options, field -> value; where one names another run, whose very state.
        inputs: field -> state of the run that it names, which every trial is given.
        root: the folder that holds `experiments/`.
        space: what varies.
        points: of a grid or a random search; empty for `optimize`.
        exhausted: why a random search has fewer points than asked for, or "".
        options: the options of the sweep.
    """

    named: Named
    base: Any
    given: dict[str, Any]
    inputs: Mapping[str, Input]
    root: Path
    space: Space
    points: tuple[dict[str, Any], ...]
    exhausted: str
    options: SweepOptions

    def config(self, point: Point) -> Any:
        """The config at a point."""
        return dataclasses.replace(self.base, **point)

    def make(self, config: Any) -> Experiment:
        """The experiment of a config."""
        return make_given(self.named, config, self.inputs, self.root)

    def identity(self, config: Any) -> Identity:
        """What run a trial is, of the first seed."""
        from research.engine.identity import Identity
        from research.engine.inputs import with_inputs

        own = Identity(self.named.name, config_fields(config), self.options.seed)
        return with_inputs(own, self.inputs)

    def refused(self, point: Point) -> list[str]:
        """Why the experiment refuses a point; empty where it does not."""
        return refusal(self.base, point)

    @property
    def example(self) -> dict[str, Any]:
        """A point that the experiment accepts."""
        if self.points:
            return self.points[0]
        first = first_point(self.base, self.space, self.options)
        return {} if isinstance(first, str) else first

    @property
    def fixed(self) -> tuple[str, ...]:
        """The experiment's options that every run has."""
        return (*(("--smoke",) if self.options.smoke else ()), *point_options(self.given))


def refusal(base: Any, point: Point) -> list[str]:
    """Why the experiment refuses a point; empty where it does not."""
    try:
        return problems_of(dataclasses.replace(base, **point))
    except ValueError as error:
        return [str(error)]


def read(
    command: str,
    tokens: Sequence[str],
    context: Context,
    check: Callable[[Request, Any], list[str]],
) -> Request:
    """What a command line asks for.

    `check` gives what is wrong with the metric.

    Raises:
        Mistake: all that is wrong with it.
    """
    own = options_of(SweepOptions)
    named, rest = read_name(command, SweepOptions, _part_grid(tokens), context, is_axis)
    theirs = config_options(named, own)
    found = scan(rest, (*own, *theirs))
    options, messages = own_options(SweepOptions, found)
    base, refused = configure(named, found, smoke=options.smoke)
    words = [word for word in found.arguments if is_axis(word)]
    extra = [word for word in found.arguments if not is_axis(word)]
    space, wrong = read_space(words, theirs, grid=options.method in ("grid", ""))
    mistakes = [
        *found.mistakes,
        *(f"{word}: unexpected word; what varies is written field=VALUES" for word in extra),
        *messages,
        *wrong,
    ]
    if not words:
        fields = ", ".join(option.name for option in theirs)
        mistakes.append(f"nothing varies: write field=VALUES for one or more of {fields}")
    fields_given = {option.field: option.name for option in theirs}
    given = {name: value for name, value in found.values.items() if name in fields_given}
    mistakes += [
        f"{fields_given[name]}: given twice, as --{fields_given[name]} and as "
        f"{fields_given[name]}=...; it either varies or is fixed"
        for name in given
        if name in space
    ]
    named_by = {field.name for field in fields_of(named.config) if field.mark(RunOf)}
    mistakes += [
        f"{fields_given[name]}: it names the run whose state every trial is given, and cannot vary"
        for name in space
        if name in named_by
    ]
    points: tuple[dict[str, Any], ...] = ()
    exhausted = ""
    if base is None:
        mistakes += refused
    elif space and not wrong and not found.wrong and options.method:
        points, exhausted, more = _points(base, space, options)
        mistakes += more
    else:
        mistakes += refused
    inputs: Mapping[str, Input] | None = None
    try:
        inputs = {} if base is None else take_named(base, options.runs_dir, context)
    except Mistake as mistake:
        mistakes.append(str(mistake))
    given |= {name: pin(taken) for name, taken in (inputs or {}).items()}
    request = Request(
        named, base, given, inputs or {}, context.root, space, points, exhausted, options
    )
    named_one = options.objective and "=" not in options.optimize
    if named_one and base is not None and inputs is not None:
        # What is reported does not depend on the point, but only a sound config can be made.
        mistakes += check(request, base if mistakes else request.config(request.example))
    refuse(f"sweep {named.name}", mistakes, help_hint(command, named.name))
    return request


def _points(
    base: Any, space: Space, options: SweepOptions
) -> tuple[tuple[dict[str, Any], ...], str, list[str]]:
    """The points to try, why there are fewer than asked for, and what is wrong with them."""

    def refused(point: Point) -> list[str]:
        return refusal(base, point)

    if options.method == "grid":
        size = grid_size(space)
        if size > LARGEST_GRID:
            return (), "", [f"the grid has {size:,} points, and {LARGEST_GRID:,} are the most"]
        points = tuple(grid_points(space))
        return points, "", grid_mistakes({i: refused(p) for i, p in enumerate(points)}, points)
    if options.method == "random":
        wanted = options.random or 0
        if wanted > LARGEST_GRID:
            return (), "", [f"--random {wanted}: {LARGEST_GRID:,} points are the most"]
        drawn = random_points(space, options.sampling_seed, wanted, refused)
        return drawn.points, drawn.refused, [] if drawn.points or wanted < 1 else [_none(drawn[1])]
    first = first_point(base, space, options)
    return (), "", [_none(first)] if isinstance(first, str) else []


def first_point(base: Any, space: Space, options: SweepOptions) -> dict[str, Any] | str:
    """A point of the space that the experiment accepts, or why it refused the last one drawn."""
    return draw_fresh(space, options.sampling_seed, 0, set(), lambda p: refusal(base, p))


def _none(why: str) -> str:
    return f"no point of the space is allowed: {why}"


def grid_mistakes(
    refused: Mapping[int, list[str]], points: Sequence[Mapping[str, Any]]
) -> list[str]:
    """What is wrong with the points of a grid: each message once, with the points it is about."""
    about: dict[str, list[int]] = {}
    for index, messages in refused.items():
        for message in messages:
            about.setdefault(message, []).append(index)
    lines = []
    for message, indices in list(about.items())[:_SHOWN]:
        first = spell_point(points[indices[0]])
        others = f" and {len(indices) - 1} more points" if len(indices) > 1 else ""
        every = len(indices) == len(points)
        lines.append(f"{'every point' if every else f'{first}{others}'}: {message}")
    if len(about) > _SHOWN:
        lines.append(f"and {len(about) - _SHOWN} more like these")
    return lines


def _part_grid(tokens: Sequence[str]) -> list[str]:
    """`--grid=width=8,16` is what some will type for `--grid width=8,16`."""
    parted: list[str] = []
    for token in tokens:
        first, _, rest = token.partition("=")
        parted += [first, rest] if first == "--grid" and is_axis(rest) else [token]
    return parted
