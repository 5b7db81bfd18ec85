"""What a run reports, ready to be used: what `play`, `sample` and their like begin with."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from research.errors import Mistake
from research.options.assembly import make_given, named_of
from research.options.catalog import Named
from research.options.command import Context, OnRuns
from research.options.configure import config_from
from research.options.convert import spell
from research.options.help import PROGRAM
from research.options.pace import choice_problems
from research.options.ranges import SEED, flag
from research.runs.files import read_header
from research.runs.names import find_run

if TYPE_CHECKING:
    from research.engine.experiment import Experiment
    from research.engine.identity import Identity, Member


TAKERS = {
    "predict": ("predict",),
    "agent": ("play", "evaluate"),
    "writer": ("sample",),
    "composer": ("sample",),
    "sampler": ("sample",),
    "reconstructor": ("reconstruct",),
    "translator": ("translate",),
}
"""What an experiment may offer -> the commands that take it."""


@dataclass(frozen=True)
class StateOptions(OnRuns):
    """The options of a command that uses a state which a run has made."""

    checkpoint: Annotated[str, "best, last, or a step [what the run reports]"] = ""
    member: Annotated[int | None, "of a population, counted from 0 [the first]"] = None

    def validate(self) -> list[str]:
        """What is wrong with the options, a message each."""
        return choice_problems(self.checkpoint)


@dataclass(frozen=True)
class DrawOptions(StateOptions):
    """The options of a command that draws with such a state."""

    seed: Annotated[
        int, "of all that is drawn: the same seed gives the same; the run's own has no part in it",
        SEED,
    ] = 0  # fmt: skip


class Reported(NamedTuple):
    """What a run reports.

    Attributes:
        run: the run's directory.
        name: what a person calls it: `rl/cartpole_ppo, seed 0`.
        experiment: of the run, with its config.
        offered: what the command takes of `Experiment.offers`.
        offer: that itself: a predictor, an agent, a writer, a translator.
        state: of the experiment, on the device.
        step: the update that made it.
        facts: the same in JSON values, for `--json`.
    """

    run: Path
    name: str
    experiment: Experiment
    offered: str
    offer: Any
    state: Any
    step: int
    facts: dict[str, Any]


def open_reported(
    text: str,
    options: StateOptions,
    context: Context,
    offer: str | Sequence[str],
    lack: str,
    *,
    with_data: bool = False,
) -> Reported:
    """The state that a run reports, or that of another checkpoint, and what it is good for.

    Args:
        text: the run, as a person names it.
        options: which checkpoint and which member, and where runs are kept.
        context: of the command.
        offer: what the command takes of `Experiment.offers`, or several, of which it takes one.
        lack: what is wrong with an experiment that does not offer it, as the end of a sentence.
        with_data: whether the experiment is to have its data.

    Raises:
        Mistake: there is no such run or member, it lacks something, or has no checkpoint.
        Damaged: its ledger or its checkpoint.
    """
    run = find_run(text, Path(options.runs_dir))
    from research.engine import compilation_cache
    from research.engine.environment import quiet_libraries
    from research.engine.identity import read_identity
    from research.engine.stored import read_state

    quiet_libraries()
    compilation_cache.enable(lambda text: print(f"note: {text}", file=context.human))
    identity = read_identity(run)
    named = named_of(identity, context.root)
    number = member_number(identity, options.member)
    chosen = identity.members[number or 0]
    root = context.root
    experiment = experiment_of(run, identity, named, chosen, root, with_data=with_data)
    wanted = (offer,) if isinstance(offer, str) else offer
    offered = next((name for name in wanted if name in experiment.offers), None)
    if offered is None:
        raise Mistake(f"{identity.experiment} {lack}{_takers(experiment)}")
    found = read_state(run, experiment, number, options.checkpoint)
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
    return Reported(run, name, experiment, offered, experiment.offers[offered], state, step, facts)


def _takers(experiment: Experiment) -> str:
    """`; X and Y take it`, of the commands that an experiment is for; "" where there are none."""
    offered = (f"`{one}`" for name in experiment.offers for one in TAKERS.get(name, ()))
    *others, last = dict.fromkeys(offered) or [""]
    several = f"{', '.join(others)} and {last} take" if others else f"{last} takes"
    return f"; {several} it" if last else ""


def experiment_of(
    run: Path,
    identity: Identity,
    named: Named,
    member: Member,
    root: Path,
    *,
    with_data: bool = False,
) -> Experiment:
    """The experiment of a run for those who use a state of it; the data stay closed.

    But for those who ask for them, and for a run that was made before runs kept what this needs.

    Raises:
        Damaged: what the run kept is.
    """
    from research.engine import inputs, ledger, needs
    from research.engine.directory import LEDGER_FILE
    from research.engine.experiment import bind
    from research.engine.selection import with_patience

    opened = ledger.read(run / LEDGER_FILE)
    kept = None if with_data else needs.read(run, opened.header)
    config = config_from(named, identity.config | member.varied)
    given = inputs.kept(run, opened.header, initial=False)
    experiment = make_given(named, config, given, root, kept)
    experiment = bind(experiment, experiment.inputs)
    names = {name for figures in opened.reports().values() for name in figures}
    return with_patience(experiment, names, identity.patience)


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
    from research.engine.inputs import words_of
    from research.engine.own_files import known_paths

    words = [*PROGRAM.split(), "run", identity.experiment, "--seed", str(identity.seed)]
    many = identity.population
    if many is not None:
        words += ["--seeds", str(many.seeds), "--width", str(many.width)]
    if identity.patience:
        words += ["--patience", str(identity.patience)]
    typed = known_paths(run, identity.config) | words_of(read_header(run)[0])
    config = config_from(named, identity.config | typed)
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if value != getattr(named.config, field.name):
            words += [flag(field.name), spell(value)]
    return shlex.join(words)
