"""What a run reports, ready to act or to write: what `play`, `evaluate` and `sample` begin with."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from research.cli.command import Context
from research.cli.help import PROGRAM
from research.cli.opening import named_of
from research.cli.pace import SEEDS, choice_problems
from research.errors import Mistake
from research.options.catalog import Named
from research.options.configure import config_from
from research.options.convert import spell
from research.options.ranges import flag
from research.runs.names import find_run

if TYPE_CHECKING:
    from research.engine.experiment import Experiment
    from research.engine.identity import Identity, Member
    from research.rl.policy import Agent


class Reported(NamedTuple):
    """What a run reports.

    Attributes:
        run: the run's directory.
        name: what a person calls it: `rl/cartpole_ppo, seed 0`.
        experiment: of the run, with its config.
        state: of the experiment, on the device.
        step: the update that made it.
        facts: the same in JSON values, for `--json`.
    """

    run: Path
    name: str
    experiment: Experiment
    state: Any
    step: int
    facts: dict[str, Any]


def open_reported(
    text: str,
    runs_dir: str,
    member: int | None,
    context: Context,
    unfit: Callable[[Experiment], str],
    which: str = "",
) -> Reported:
    """The state that a run reports, or that of another checkpoint.

    Args:
        text: the run, as a person names it.
        runs_dir: where runs are kept.
        member: one of a population, counted from 0; None for the first.
        context: of the command.
        unfit: experiment -> what it lacks for the command, or "".
        which: the checkpoint, as `research.engine.stored.read_checkpoint` has it.

    Raises:
        Mistake: there is no such run or member, it lacks something, or has no checkpoint.
        Damaged: its ledger or its checkpoint.
    """
    run = find_run(text, Path(runs_dir))
    from research.engine import compilation_cache
    from research.engine.environment import quiet_libraries
    from research.engine.identity import read_identity
    from research.engine.stored import read_state

    quiet_libraries()
    compilation_cache.enable(lambda text: print(f"note: {text}", file=context.human))
    identity = read_identity(run)
    named = named_of(identity, context.root)
    number = member_number(identity, member)
    chosen = identity.members[number or 0]
    experiment = experiment_of(run, identity, named, chosen)
    if lacking := unfit(experiment):
        raise Mistake(f"{identity.experiment} {lacking}")
    found = read_state(run, experiment, number, which)
    if found is None:
        raise Mistake(
            f"{run} holds no whole checkpoint, as a recorded run does not: run it again, and name "
            f"the run that this leaves\n  {command_of(named, identity, run)}"
        )
    step, state = found
    facts = {
        "run_dir": str(run),
        "experiment": identity.experiment,
        "run_seed": chosen.seed,
        "step": step,
    }
    if number is not None:
        facts |= {"member": number, "hyperparameters": chosen.varied}
    of = "" if number is None else f", member {number} of {len(identity.members)}"
    name = f"{identity.experiment}, seed {chosen.seed}{of}"
    return Reported(run, name, experiment, state, step, facts)


def experiment_of(run: Path, identity: Identity, named: Named, member: Member) -> Experiment:
    """The experiment of a run for those who use a state of it; the data stay closed.

    But for a run that was made before runs kept what this needs.

    Raises:
        Damaged: what the run kept is.
    """
    from research.engine import ledger, needs
    from research.engine.directory import LEDGER_FILE
    from research.engine.selection import with_patience

    opened = ledger.read(run / LEDGER_FILE)
    kept = needs.read(run, opened.header)
    config = config_from(named, identity.config | member.varied)
    experiment = named.make(config, kept)
    names = {name for figures in opened.reports().values() for name in figures}
    return with_patience(experiment, names, identity.patience)


class Actor(NamedTuple):
    """What acts.

    Attributes:
        run, name, state, step, facts: as `Reported` has them.
        agent: where it acts, and how.
    """

    run: Path
    name: str
    agent: Agent
    state: Any
    step: int
    facts: dict[str, Any]


def open_actor(
    text: str, runs_dir: str, member: int | None, context: Context, which: str = ""
) -> Actor:
    """The state that a run reports, with what it does in its environment; see `open_reported`."""

    def unfit(experiment: Experiment) -> str:
        if "agent" in experiment.offers:
            return ""
        return "has no policy: it does not act in an environment"

    run, name, experiment, state, step, facts = open_reported(
        text, runs_dir, member, context, unfit, which
    )
    agent = experiment.offers["agent"]
    facts["environment"] = agent.environment.name
    return Actor(run, name, agent, state, step, facts)


def member_number(identity: Identity, member: int | None) -> int | None:
    """Which member of a population is meant; None of a run of one seed.

    Raises:
        Mistake: there is none such.
    """
    if identity.population is None:
        if member is not None:
            raise Mistake("--member: this is a run of one seed")
        return None
    count = len(identity.members)
    if member is not None and not 0 <= member < count:
        raise Mistake(f"--member must lie in 0 to {count - 1}, not {member}")
    return member or 0


def command_of(named: Named, identity: Identity, run: Path) -> str:
    """The command that makes a run again."""
    from research.engine.own_files import known_paths

    words = [*PROGRAM.split(), "run", identity.experiment, "--seed", str(identity.seed)]
    many = identity.population
    if many is not None:
        words += ["--seeds", str(many.seeds), "--width", str(many.width)]
    if identity.patience:
        words += ["--patience", str(identity.patience)]
    config = config_from(named, identity.config | known_paths(run, identity.config))
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if value != getattr(named.config, field.name):
            words += [flag(field.name), spell(value)]
    return shlex.join(words)


def out_of_range(seed: int, episodes: int, which: str) -> list[str]:
    """What both commands refuse, a message each."""
    problems = choice_problems(which)
    if not 0 <= seed < SEEDS:
        problems.append(f"--seed must lie in 0 to {SEEDS - 1}, not {seed}")
    if episodes < 1:
        problems.append(f"--episodes must be at least 1, not {episodes}")
    return problems
