"""The options of `sweep`, beside those of the experiment."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Literal

from research.options.command import RUNS_DIR, Common
from research.options.pace import AUTO, SEEDS, Pace
from research.options.ranges import ANY_SEED, PATH
from research.sweep.plan import direction_of

PACE = ("report_every", "evaluate_every", "save_every", "save_seconds", "keep", "data", "cores")
"""Options that are passed on to every run."""


@dataclass(frozen=True)
class Method:
    """What is tried, and how often."""

    grid: Annotated[bool, "try every combination of the values"] = False
    random: Annotated[int | None, "try so many points, drawn at random"] = None
    optimize: Annotated[str, "try what promises the best value of this METRIC"] = ""
    trials: Annotated[int | None, "how many points --optimize tries"] = None
    minimize: Annotated[bool, "the metric is to be small [by its name]"] = False
    maximize: Annotated[bool, "the metric is to be large [by its name]"] = False
    metric: Annotated[str, "what --grid and --random rank by [validation, if there is any]"] = ""
    prune: Annotated[bool, "with --optimize: stop trials that are worse than the median"] = True
    seeds: Annotated[int, "runs of each point, from --seed on; the mean counts"] = 1
    seed: Annotated[int, "first seed of each point", ANY_SEED] = 0
    sampling_seed: Annotated[int, "decides the points of --random and --optimize", ANY_SEED] = 0
    smoke: Annotated[bool, "the experiment's small config, for every trial"] = False


@dataclass(frozen=True)
class Place(Common):
    """Where the runs are made."""

    jobs: Annotated[int, "runs at a time; with --optimize, trials at a time"] = 1
    slurm: Annotated[bool, "make each run a SLURM job (through submitit)"] = False
    slurm_partition: Annotated[str, "partition"] = ""
    slurm_time: Annotated[str, "limit of a job, MINUTES or H:MM; a run cut short goes on"] = "4:00"
    slurm_gpus: Annotated[int, "GPUs of a job"] = 0
    slurm_cpus: Annotated[int | None, "cores of a job"] = None
    slurm_memory: Annotated[float | None, "GB of memory of a job"] = None
    slurm_account: Annotated[str, "account to charge"] = ""
    slurm_extra: Annotated[str, "more options of sbatch: qos=high,constraint=a100"] = ""
    slurm_cluster: Annotated[
        Literal["slurm", "local"], "local: the same path on this machine, without SLURM"
    ] = "slurm"
    report_every: Annotated[int | None, "of each run, as `run` has it"] = None
    evaluate_every: Annotated[int | None, "of each run"] = None
    save_every: Annotated[int | None, "of each run"] = None
    save_seconds: Annotated[float, "of each run"] = 30.0
    keep: Annotated[int, "how many of the newest checkpoints of each run stay"] = 1
    data: Annotated[
        Literal["auto", "resident", "streamed"], "where the data lie: on the device, or fed to it"
    ] = "auto"
    cores: Annotated[str, "of each run, as `run` has it"] = AUTO
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
        """`minimize` or `maximize`; "" where neither was said nor does the name tell."""
        if self.minimize or self.maximize:
            return "minimize" if self.minimize else "maximize"
        return direction_of(metric)

    def validate(self) -> list[str]:
        """What is out of range or does not go together, a message each."""
        return [*self._method_mistakes(), *self._seed_mistakes(), *self._place_mistakes()]

    def _method_mistakes(self) -> list[str]:
        messages = []
        chosen = [self.grid, self.random is not None, bool(self.optimize)]
        if sum(chosen) != 1:
            which = "one of" if not any(chosen) else "only one of"
            messages.append(f"{which} --grid, --random N and --optimize METRIC is wanted")
        if self.random is not None and self.random < 1:
            messages.append(f"--random must be at least 1, not {self.random}")
        if "=" in self.optimize:
            messages.append(
                f"--optimize {self.optimize}: METRIC is missing (as in --optimize validation/loss)"
            )
        if self.optimize and self.trials is None:
            messages.append("--optimize wants --trials N as well: how many points to try")
        if self.trials is not None and self.trials < 1:
            messages.append(f"--trials must be at least 1, not {self.trials}")
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

    def _seed_mistakes(self) -> list[str]:
        messages = []
        if not 0 <= self.seed < SEEDS:
            messages.append(f"--seed must lie in 0 to {SEEDS - 1}, not {self.seed}")
        if self.seeds < 1:
            messages.append(f"--seeds must be at least 1, not {self.seeds}")
        elif self.seed + self.seeds > SEEDS:
            messages.append(f"--seeds {self.seeds} from --seed {self.seed} on go beyond the last")
        if self.sampling_seed < 0:
            messages.append(f"--sampling-seed must be at least 0, not {self.sampling_seed}")
        return messages

    def _place_mistakes(self) -> list[str]:
        messages = Pace(**{name: getattr(self, name) for name in PACE}).validate()
        if self.jobs < 1:
            messages.append(f"--jobs must be at least 1, not {self.jobs}")
        if minutes_of(self.slurm_time) is None:
            messages.append(
                f"--slurm-time must be MINUTES or HOURS:MINUTES, at least 2 minutes, "
                f"not {self.slurm_time}"
            )
        if self.slurm_gpus < 0:
            messages.append(f"--slurm-gpus must be at least 0, not {self.slurm_gpus}")
        for name, value in (("cpus", self.slurm_cpus), ("memory", self.slurm_memory)):
            if value is not None and value <= 0:
                messages.append(f"--slurm-{name} must be positive, not {value:g}")
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


def minutes_of(text: str) -> int | None:
    """The minutes of `90` or `1:30`; None where it is no such time."""
    match = re.fullmatch(r"(?:(\d+):)?(\d+)", text)
    if not match or (match[1] and int(match[2]) > 59):
        return None
    minutes = 60 * int(match[1] or 0) + int(match[2])
    return minutes if minutes >= 2 else None


def extra_of(text: str) -> dict[str, str] | None:
    """The pairs of `qos=high,constraint=a100`; None where it is no such list."""
    pairs = [part.partition("=") for part in text.split(",") if part]
    if not all(name and equals and value for name, equals, value in pairs):
        return None
    return {name.strip().lstrip("-"): value for name, _, value in pairs}
