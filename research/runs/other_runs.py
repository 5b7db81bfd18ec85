"""The other runs that a run is given states of: found, checked and taken before anything compiles.

Behind an option that names one stands a run, as every command takes it; or what follows `run`, an
experiment's full name with options, for the run that this makes. `--member`, `--checkpoint` and
`--digest` behind it say which of its states.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from research.engine.directory import LEDGER_FILE
from research.errors import Damaged, EncoreError, Mistake
from research.options.assembly import Launch, named_of, source_of
from research.options.catalog import Named, catalog
from research.options.command import RUNS_DIR, Context
from research.options.config import runs_named
from research.options.help import PROGRAM
from research.options.launches import identity_of, read
from research.options.pace import RunOptions, choice_problems
from research.options.ranges import RunOf, flag
from research.runs.names import find_run
from research.runs.reported import command_of, experiment_of, member_number

if TYPE_CHECKING:
    from research.engine.experiment import Experiment
    from research.engine.identity import Identity
    from research.engine.inputs import Input


class Begun(NamedTuple):
    """What run a command line means.

    Attributes:
        run: given states of others as they were at the first launch.
        aside: runs that `--restart` keeps aside beside the one that is there.
        notes: what a person should know of its beginning.
    """

    run: Launch
    aside: tuple[Path, ...] = ()
    notes: tuple[str, ...] = ()


class Wanted(NamedTuple):
    """A state that a run is to be given.

    Attributes:
        option: that names it, as typed.
        words: behind that option.
        run: the directory of the other run, whether or not it is there.
        identity: of the other run.
        command: that makes it.
        which: of its checkpoints, as `research.engine.stored.read_checkpoint` has it.
        member: one of a population; None for a run of one seed, or where it was not said.
        digest: how the state's digest begins; "" for any.
        allowed: what it must be a run of; None for parameters to start from.
    """

    option: str
    words: str
    run: Path
    identity: Identity
    command: str
    which: str
    member: int | None
    digest: str
    allowed: RunOf | None

    @property
    def asked(self) -> dict[str, Any]:
        """What the header of a run that was given it says of it, whatever the other one is now."""
        from research.engine.inputs import name_of

        return {"run": name_of(self.identity), "checkpoint": self.which, "member": self.member}


def begin(identity: Identity, config: Any, options: RunOptions, context: Context) -> Begun:
    """A run with the states that it was given at its first launch.

    Args:
        identity: of the run, without them.
        config: of its experiment.
        options: as typed.
        context: of the command.

    Raises:
        Mistake: another run is missing, incomplete, or not what is wanted.
        Damaged: it is damaged.
    """
    from research.engine.environment import quiet_libraries
    from research.engine.identity import from_fields
    from research.engine.inputs import INITIAL, kept, launched_before, with_inputs
    from research.engine.stored import LAST

    runs_dir = Path(options.runs_dir)
    wanted = {
        name: find_wanted(flag(name), getattr(config, name), allowed, options.runs_dir, context)
        for name, allowed in runs_named(config).items()
    }
    if options.initialize_from:
        words = options.initialize_from
        first = find_wanted("--initialize-from", words, None, options.runs_dir, context)
        which = options.initialize_checkpoint or first.which or LAST
        wanted[INITIAL] = first._replace(which=which)

    def launch(whole: Identity, inputs: Mapping[str, Input]) -> Launch:
        return Launch(whole, whole.directory(runs_dir), inputs, config.own_files())

    if not wanted:
        return Begun(launch(identity, {}))
    quiet_libraries()
    asked = {name: one.asked for name, one in wanted.items()}
    digests = {name: one.digest for name, one in wanted.items()}
    before = launched_before(identity, runs_dir, asked, digests)
    if before is None or options.restart:
        inputs = {name: take(one, context) for name, one in wanted.items()}
        aside = () if before is None else (before[0],)
        return Begun(launch(with_inputs(identity, inputs), inputs), aside)
    run, header = before
    try:
        inputs = kept(run, header)
    except Damaged as damage:
        try:
            inputs = {name: take(one, context) for name, one in wanted.items()}
        except EncoreError:
            raise damage from None
        if with_inputs(identity, inputs) != from_fields(header):
            raise
    notes = [_gone_on(one, inputs[name], context) for name, one in wanted.items()]
    return Begun(launch(from_fields(header), inputs), (), tuple(filter(None, notes)))


def make_planned(named: Named, config: Any, context: Context) -> Experiment:
    """The experiment of a config for its facts alone: the runs that it names need not be there."""
    from research.engine.inputs import name_of

    sources = {}
    for name, allowed in runs_named(config).items():
        one = find_wanted(flag(name), getattr(config, name), allowed, RUNS_DIR, context)
        origin = {"run": name_of(one.identity), "identity": one.identity.fields}
        sources[name], _ = source_of(origin, None, context.root)
    return named.make(config, None, sources)


def take_named(config: Any, runs_dir: str, context: Context) -> dict[str, Input]:
    """The states of the runs that a config names, as those have them now.

    Raises:
        Mistake: another run is missing, incomplete, or not what is wanted.
        Damaged: it is damaged.
    """
    return {
        name: take(find_wanted(flag(name), getattr(config, name), allowed, runs_dir, context),
                   context)
        for name, allowed in runs_named(config).items()
    }  # fmt: skip


def pin(taken: Input) -> str:
    """The words that mean this very state: those that named it, and its digest."""
    words = taken.origin["words"]
    # A path may hold spaces where nothing follows it.
    alone = (Path(words) / LEDGER_FILE).is_file()
    return f"{shlex.quote(words) if alone else words} --digest {taken.digest[:16]}"


def _gone_on(wanted: Wanted, given: Input, context: Context) -> str:
    """A sentence where the other run now has another state than a run was given, or ""."""
    try:
        newer = take(wanted, context)
    except EncoreError:
        # It is gone, or cannot be read: nothing of it is needed any more.
        return ""
    if newer.digest == given.digest:
        return ""
    what = "starts from" if wanted.allowed is None else f"{wanted.option}: is given"
    return (
        f"{what} step {given.origin['step']} of {wanted.run}, as at its first launch; that run now "
        f"has step {newer.origin['step']}: --restart begins anew from there and keeps this run "
        "aside"
    )


def find_wanted(
    option: str, text: str, allowed: RunOf | None, runs_dir: str, context: Context
) -> Wanted:
    """What the words behind an option mean.

    Args:
        option: as typed.
        text: the words behind it.
        allowed: what it must be a run of; None for parameters to start from.
        runs_dir: where runs are kept.
        context: of the command.

    Raises:
        Mistake: they mean nothing, or no run.
    """
    from research.engine.identity import read_identity

    words, chosen = _split(option, text)
    if len(words) > 1 or words[0] in {entry.name for entry in catalog(context.root)}:
        try:
            named, plans, theirs = read("run", words, context, RunOptions)
        except Mistake as mistake:
            raise Mistake(f"{option} {text}: {mistake}") from None
        if len(plans) > 1:
            raise Mistake(f"{option} {text}: these are several runs; name one")
        theirs = replace(theirs, runs_dir=runs_dir, restart=False)
        own = identity_of(named, plans[0], theirs)
        identity = begin(own, plans[0].config, theirs, context).run.identity
        where = [] if runs_dir == RUNS_DIR else ["--runs-dir", runs_dir]
        run = identity.directory(Path(runs_dir))
        command = f"{PROGRAM} run {shlex.join([*words, *where])}"
    else:
        try:
            run = find_run(words[0], Path(runs_dir))
        except Mistake as mistake:
            makes = allowed is not None and allowed.experiment
            hint = f"\n  {PROGRAM} run {makes}   makes one" if makes else ""
            raise Mistake(f"{option}: {mistake}{hint}") from None
        identity = read_identity(run)
        command = ""
    member = int(chosen["member"]) if chosen["member"] else None
    return Wanted(
        option, text, run, identity, command, chosen["checkpoint"], member, chosen["digest"],
        allowed,
    )  # fmt: skip


def _split(option: str, text: str) -> tuple[list[str], dict[str, str]]:
    """The words that mean a run, and those that choose a state of it."""
    try:
        words = [text] if (Path(text) / LEDGER_FILE).is_file() else shlex.split(text)
    except ValueError as error:
        raise Mistake(f"{option} {text}: {error}") from None
    chosen = {"member": "", "checkpoint": "", "digest": ""}
    rest: list[str] = []
    while words:
        word = words.pop(0)
        name, equals, value = word.removeprefix("--").partition("=")
        if not word.startswith("--") or name not in chosen:
            rest.append(word)
            continue
        chosen[name] = value if equals else words.pop(0) if words else ""
        if not chosen[name]:
            raise Mistake(f"{option} {text}: --{name}: a value is missing")
    problems = choice_problems(chosen["checkpoint"])
    if chosen["member"] and not chosen["member"].isdecimal():
        problems.append(f"--member must be a whole number from 0, not {chosen['member']}")
    if not rest:
        problems.append("it names no run")
    if problems:
        raise Mistake(f"{option} {text}: {'; '.join(problems)}")
    return rest, chosen


def take(wanted: Wanted, context: Context) -> Input:
    """The state that is wanted, or the parameters, as the other run has them now.

    Raises:
        Mistake: the run is missing or incomplete, or not what is wanted.
        Damaged: it is damaged.
    """
    from research.engine import ledger, needs
    from research.engine.digests import STATE
    from research.engine.inputs import PARAMS, from_run
    from research.engine.stored import BEST, REPORTED

    option, run, identity, allowed = wanted.option, wanted.run, wanted.identity, wanted.allowed
    if allowed is not None and allowed.experiment not in ("", identity.experiment):
        raise Mistake(
            f"{option} {wanted.words}: this is a run of {identity.experiment}; a run of "
            f"{allowed.experiment} is wanted"
        )
    if not (run / LEDGER_FILE).is_file():
        raise Mistake(f"{option}: there is no run {run}; make it first\n  {wanted.command}")
    named = named_of(identity, context.root)
    command = wanted.command or command_of(named, identity, run)
    if identity.population is not None and wanted.member is None:
        raise Mistake(
            f"{option} {wanted.words}: {run} is a population of {len(identity.members)}; say whose "
            f"state by --member behind it: {option} '{wanted.words} --member 0'"
        )
    try:
        number = member_number(identity, wanted.member)
    except Mistake as mistake:
        raise Mistake(f"{option} {wanted.words}: {mistake}") from None
    opened = ledger.read(run / LEDGER_FILE)
    if allowed is not None and opened.broken:
        raise Damaged(f"{option}: {run} is damaged: its ledger's {opened.broken}")
    if allowed is not None and wanted.which == REPORTED and opened.result() is None:
        raise Mistake(
            f"{option}: {run} has not finished; `{PROGRAM} resume {run}` goes on with it (or name "
            f"a state of it: {option} '{wanted.words} --checkpoint last')"
        )
    experiment = None
    if wanted.which in (REPORTED, BEST):
        member = identity.members[number or 0]
        experiment = experiment_of(run, identity, named, member, context.root)
    part = PARAMS if allowed is None else STATE
    try:
        taken = from_run(run, wanted.which, experiment, number, part)
    except (Mistake, Damaged) as error:
        again = "" if allowed is None else f"\n  {command}   makes it again"
        raise error.reworded(f"{option}: {error}{again}") from None
    if not taken.digest.startswith(wanted.digest):
        raise Mistake(
            f"{option}: the state of step {taken.origin['step']} of {run} has digest "
            f"{taken.digest[:16]}, and {wanted.digest} is wanted"
        )
    if allowed is None:
        return taken
    word = opened.result()
    if wanted.which == REPORTED and word is not None:
        step = _reported_step(word, number)
        if taken.origin["step"] != step:
            # The newest that is whole is not what the run reports.
            raise Damaged(
                f"{option}: {run} reports step {step}, and its checkpoint is damaged or gone"
                f"\n  {command}   makes it again"
            )
    header = opened.header
    origin: dict[str, Any] = {n: header[n] for n in ("inputs", "needs") if n in header}
    origin |= {"identity": identity.fields, "command": command, "words": wanted.words}
    return taken._replace(origin={**taken.origin, **origin}, needs=needs.read(run, header))


def _reported_step(word: Mapping[str, Any], number: int | None) -> int:
    """The step that the figures of a run are of, or of a member, by the ledger's last line."""
    whose = word if number is None else word["members"][number]
    return int(whose["metrics"].get("reported_step", word["shown"]["step"]))
