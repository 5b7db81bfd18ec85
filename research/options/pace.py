"""The options of a run that are no part of its identity, nor of its bits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from research.errors import Mistake
from research.options.command import OnRuns
from research.options.ranges import AMOUNT, COUNT, PATH, POSITIVE, SEED, Range

if TYPE_CHECKING:
    from research.engine.experiment import Experiment
    from research.engine.run import Slicing

MOST_MEMBERS = 100_000
"""Members of one population that a command line may ask for: more is a slip of the keyboard."""
TEXT = "the text file that the run learned from [its last known place]"
AUTO = "auto"
"""What is best here: measured, or named by the surroundings."""
CoreChoice = Annotated[
    str, "CPU cores to compute on, or auto: one or all, whichever is measured to be faster"
]
Feeding = Annotated[
    Literal["auto", "resident", "streamed"],
    "resident: the data stay on the device; streamed: batches are sent to it",
]
WorkerCount = Annotated[int, "how many read streamed data at once, 0 for the run itself", AMOUNT]
WorkerKind = Annotated[
    Literal["threads", "processes"],
    "processes: where a function in Python prepares each example, several at once",
]
ONE_PROCESS = (
    "a population is trained by one process; give each process seeds of its own "
    "(--seed S --seeds N), `report` and `compare` bring them together"
)


def choice_problems(which: str, option: str = "--checkpoint") -> list[str]:
    """What is wrong with how a checkpoint was named, a message each."""
    if which in ("", "best", "last") or which.isdecimal():
        return []
    return [f"{option} must be best, last, or a step, not {which}"]


def seed_problems(seed: int, seeds: int) -> list[str]:
    """What is wrong with the last of several seeds, a message at most; the first is in range."""
    last = seed + max(seeds, 1) - 1
    if SEED.holds(last) or not SEED.holds(seed):
        return []
    return [f"--seeds {seeds}: the last seed, {last}, is past {SEED.high}"]


def cores_mistakes(text: str) -> list[str]:
    """What is wrong with the value of `--cores`."""
    if text == AUTO or (text.isdecimal() and int(text)):
        return []
    return [f"--cores is a number of at least 1, or auto, not {text}"]


def workers_mistakes(workers: int, kind: str) -> list[str]:
    """What is wrong with `--workers` and `--worker-kind` together."""
    if workers == 0 and kind == "processes":
        return ["--worker-kind processes needs --workers of at least 1"]
    return []


def cores_wanted(text: str) -> int | None:
    """The number of cores that `--cores` asks for; None for one or all, by measure."""
    return None if text == AUTO else int(text)


@dataclass(frozen=True)
class Pace(OnRuns):
    """How far to go, how often to stop on the way, and what to keep."""

    until: Annotated[int | None, "save and stop before this step [the end]", AMOUNT] = None
    report_every: Annotated[int | None, "steps between reports [a fiftieth of the run]", COUNT] = (
        None
    )
    evaluate_every: Annotated[int | None, "steps between evaluations [the experiment's]", COUNT] = (
        None
    )
    save_every: Annotated[int | None, "steps between checkpoints [at each evaluation]", COUNT] = (
        None
    )
    save_seconds: Annotated[
        float, "a checkpoint besides when the last is older than this", POSITIVE
    ] = 30.0
    keep: Annotated[int, "how many of the newest checkpoints stay", COUNT] = 3
    keep_every: Annotated[
        int | None, "a checkpoint every so many steps stays for good [none]", COUNT
    ] = None
    nan: Annotated[
        Literal["stop", "keep"],
        "after a loss, or another figure of training, that is not finite: stop, or go on",
    ] = "stop"
    data: Feeding = "auto"
    workers: WorkerCount = 2
    worker_kind: WorkerKind = "threads"
    tensorboard: Annotated[bool, "write the metrics as TensorBoard events, RUN/events/"] = False
    devices: Annotated[
        int | None,
        "devices to use: members first, then groups of a batch [1, or 1 a process]",
        COUNT,
    ] = None
    cores: CoreChoice = AUTO
    processes: Annotated[int, "so many local processes share the groups of a batch", COUNT] = 1
    coordinator: Annotated[
        str, "HOST:PORT of the first of several processes, or auto on SLURM, Kubernetes, ..."
    ] = ""
    process_index: Annotated[int | None, "which of them this is, from 0"] = None
    process_count: Annotated[int | None, "how many there are", COUNT] = None
    no_report: Annotated[bool, "write no report.html when the run is complete"] = False

    def validate(self) -> list[str]:
        """What does not go together, a message each."""
        return (
            cores_mistakes(self.cores)
            + workers_mistakes(self.workers, self.worker_kind)
            + self._of_processes()
        )

    def _of_processes(self) -> list[str]:
        """What is wrong with how processes are to find one another, a message each."""
        explicit = (self.process_index, self.process_count)
        if self.processes > 1 and self.devices is not None and self.devices % self.processes:
            return [
                f"--devices {self.devices}: {self.processes} processes cannot have equal shares"
            ]
        if self.processes > 1 and (self.coordinator or explicit != (None, None)):
            return ["--processes starts them all here; --coordinator joins those started elsewhere"]
        if self.coordinator in ("", AUTO):
            if explicit == (None, None):
                return []
            return ["--process-index and --process-count need --coordinator HOST:PORT"]
        host, _, port = self.coordinator.rpartition(":")
        if not host or not port.isdecimal():
            return [f"--coordinator is HOST:PORT or auto, not {self.coordinator}"]
        if self.process_index is None or self.process_count is None:
            return ["--coordinator HOST:PORT needs --process-index and --process-count"]
        if not 0 <= self.process_index < self.process_count:
            return [
                f"--process-index must lie in 0 to {self.process_count - 1}, "
                f"not {self.process_index}"
            ]
        return []


@dataclass(frozen=True)
class Choice:
    """Which run of an experiment it is."""

    seed: Annotated[int, "with the config it makes the run", SEED] = 0
    seeds: Annotated[
        int, "a population of so many seeds, from --seed on", Range(1, MOST_MEMBERS)
    ] = 1
    width: Annotated[
        int | None,
        "its members that are trained together; their bits depend on it [1 on CPU]",
        COUNT,
    ] = None
    exact: Annotated[bool, "the same as --width 1: each member has the bits of its own run"] = False
    smoke: Annotated[bool, "the experiment's small config, a run of seconds"] = False
    initialize_from: Annotated[str, "start from the parameters of this RUN", PATH] = ""
    initialize_checkpoint: Annotated[str, "of that run: best, last, or a step [last]"] = ""
    patience: Annotated[
        int,
        "end after so many evaluations in a row without a better one, 0 for never; part of the run",
        AMOUNT,
    ] = 0
    restart: Annotated[bool, "start anew; an earlier run is kept aside"] = False


@dataclass(frozen=True)
class RunOptions(Pace, Choice):
    """The options of `run`, beside those of the experiment."""

    def validate(self) -> list[str]:
        """What does not go together, a message each."""
        messages = super().validate() + seed_problems(self.seed, self.seeds)
        messages += choice_problems(self.initialize_checkpoint, "--initialize-checkpoint")
        if self.initialize_checkpoint and not self.initialize_from:
            messages.append("--initialize-checkpoint needs --initialize-from RUN")
        if self.seeds > 1 and (self.processes > 1 or self.coordinator):
            messages.append(f"--seeds {self.seeds}: {ONE_PROCESS}")
        if self.exact and self.width not in (None, 1):
            messages.append(f"--exact is --width 1, and --width {self.width} is another")
        return messages


def slicing(pace: Pace, experiment: Experiment) -> Slicing:
    """The engine's slicing: the experiment's cadence with what was asked for instead."""
    from research.engine.checkpoint import Retention
    from research.engine.loop import default_cadence
    from research.engine.run import Slicing

    selection = experiment.selection
    if selection and pace.evaluate_every not in (None, experiment.evaluate_every):
        raise Mistake(
            f"--evaluate-every {pace.evaluate_every}: this experiment reports its best state by "
            f"{selection.metric}, so that when it evaluates is part of its result "
            f"(every {experiment.evaluate_every} steps)"
        )
    cadence = default_cadence(experiment.steps, pace.evaluate_every or experiment.evaluate_every)
    asked = {
        name: getattr(pace, name)
        for name in ("report_every", "save_every", "save_seconds")
        if getattr(pace, name) is not None
    }
    return Slicing(
        cadence._replace(**asked),
        Retention(pace.keep, pace.keep_every or 0),
        pace.until,
        halt=pace.nan == "stop",
        cores=cores_wanted(pace.cores),
    )
