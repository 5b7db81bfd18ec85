"""Inputs: states of other runs that a run is given, known by their content, and kept with it.

A config names another run by words that a person typed. What run it is must not depend on them, nor
on what became of the other one: the state's content stands in their place in the run's identity, a
copy is kept, and the same command finds its run again though the other has gone on, or is gone.
`--initialize-from` is the case `INITIAL`, of which the parameters alone are taken.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from research.engine import checkpoint, ledger, needs
from research.engine.checkpoint import Facts
from research.engine.digests import STATE, Leaves, is_part, record_leaves, state_digest
from research.engine.directory import LEDGER_FILE, Directories
from research.engine.identity import Identity, from_fields, read_identity
from research.engine.leaves import Reader, name_leaves
from research.engine.stored import LAST, read_checkpoint
from research.errors import Damaged, Mistake

if TYPE_CHECKING:
    from research.engine.experiment import Experiment, Needs
    from research.engine.program import Carry, Program
    from research.engine.record import Observer

INITIAL = "initial"
"""The parameters that a run starts from; every other input has the name of a field."""
PARAMS = STATE + "params/"
"""The leaves that are started from; an experiment keeps its parameters in `state.params`."""
_CONTENT = "run:"


class Input(NamedTuple):
    """A state of another run, or its parameters.

    Attributes:
        leaves: path -> array, all below `state/`, or `state/params/`.
        digest: of the state, as the other run's ledger has it; or SHA-256 over the parameters.
        origin: where it is from, as in the header of the run: `run`, `checkpoint`, `step`, and
            the `member` of a population. Of a state also the other run's `identity`, the `command`
            that makes it, the `words` that named it, and what its own header has of `inputs` and
            `needs`. Empty where nobody knows.
        needs: what using the state needs beside it.
    """

    leaves: Leaves
    digest: str
    origin: Mapping[str, Any] = MappingProxyType({})
    needs: Needs | None = None


class Source(NamedTuple):
    """A run that another one is given a state of, for whoever makes the experiment.

    Attributes:
        run: its name.
        config: of the experiment.
        experiment: with what it offers; the state itself comes later, as an argument. Of one that
            is itself given states, an offer is still a function of them.
    """

    run: str
    config: Any
    experiment: Experiment


def from_leaves(leaves: Mapping[str, np.ndarray], part: str = PARAMS) -> Input:
    """What is taken of a carry's leaves: `PARAMS`, or the whole `STATE`."""
    taken = {name: leaf for name, leaf in leaves.items() if is_part(name, part)}
    records = record_leaves(taken)
    if part == STATE:
        return Input(taken, state_digest(records))
    digest = hashlib.sha256("".join(records[name].sha256 for name in sorted(records)).encode())
    return Input(taken, digest.hexdigest())


def from_run(
    directory: Path,
    which: str = LAST,
    experiment: Experiment | None = None,
    member: int | None = None,
    part: str = PARAMS,
) -> Input:
    """What is taken of a checkpoint of a run.

    `which` is as in `research.engine.stored.read_checkpoint`; for the best, `experiment` is needed.

    Raises:
        Mistake: there is none, or its state has no `params`.
        Damaged: the ledger, or the checkpoint that is named, is damaged.
    """
    found = read_checkpoint(directory, which, experiment, member)
    if found is None:
        raise Mistake(f"{directory} has no whole checkpoint to start from")
    step, leaves = found[0], found[1].leaves
    if member is not None:
        leaves = {n: leaf[member] for n, leaf in leaves.items() if n.startswith(part)}
    taken = from_leaves(leaves, part)
    if not taken.leaves:
        raise Mistake(f"{directory} has no parameters to start from: its state has no `params`")
    origin = {"run": name_of(read_identity(directory)), "checkpoint": which, "step": step}
    return taken._replace(origin=origin if member is None else {**origin, "member": member})


def name_of(identity: Identity) -> str:
    """The name of a run, wherever it lies: `vision/digits_cnn/3f2a9c01d2e4-s0`."""
    return identity.directory(Path()).as_posix()


def content_of(one: Input) -> str:
    """What stands for a state in a run's identity: the run, the step, and 16 digits of the digest.

    `run:vision/digits_cnn/3f2a9c01d2e4-s0@500#9a8b7c6d5e4f3a2b`, with `[2]` behind the run's name
    for member 2 of a population.
    """
    member = one.origin.get("member")
    whose = "" if member is None else f"[{member}]"
    return f"{_CONTENT}{one.origin['run']}{whose}@{one.origin['step']}#{one.digest[:16]}"


def with_inputs(identity: Identity, inputs: Mapping[str, Input]) -> Identity:
    """The run that is given these."""
    contents = {name: content_of(one) for name, one in inputs.items() if name != INITIAL}
    initial = inputs[INITIAL].digest if INITIAL in inputs else ""
    return identity._replace(config={**identity.config, **contents}, initial=initial)


def header_fields(inputs: Mapping[str, Input]) -> dict[str, Any]:
    """The fields on its inputs in the header of a run."""
    states = {
        name: {**one.origin, "digest": one.digest}
        for name, one in inputs.items()
        if name != INITIAL
    }
    fields: dict[str, Any] = {"inputs": states} if states else {}
    if INITIAL in inputs and inputs[INITIAL].origin:
        fields["origin"] = dict(inputs[INITIAL].origin)
    return fields


def origins_of(header: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Name -> where it is from, of all inputs of a run; of an old one's parameters, nothing."""
    digest = header.get("initial")
    initial = {INITIAL: {**header.get("origin", {}), "digest": digest}} if digest else {}
    return {**initial, **header.get("inputs", {})}


def words_of(header: Mapping[str, Any]) -> dict[str, str]:
    """Field -> the words that named the other run, where its state's content now stands."""
    return {name: origin["words"] for name, origin in header.get("inputs", {}).items()}


def keep(run: Path, inputs: Mapping[str, Input]) -> None:
    """Keep copies in the run's directory, so that it can be made again without the others."""
    for name, one in inputs.items():
        place = Directories(run).input(name)
        place.parent.mkdir(exist_ok=True)
        checkpoint.write(place, 0, one.leaves, record_leaves(one.leaves), Facts(True, 0.0))
        if one.needs is not None:
            needs.keep(place, one.needs)


def restore(run: Path, inputs: Mapping[str, Input], observer: Observer) -> None:
    """Write again the copies that are missing or changed, with a note for each."""
    for name, one in inputs.items():
        place = Directories(run).input(name)
        try:
            same = checkpoint.read(place, 0).records == record_leaves(one.leaves)
            whole = same and needs.is_whole(place, one.origin)
        except Damaged:
            whole = False
        if not whole:
            keep(run, {name: one})
            observer.note(f"{place} was missing or changed: taken anew from the other run")


def kept(
    run: Path, header: Mapping[str, Any], runs_dir: Path | None = None, *, initial: bool = True
) -> dict[str, Input]:
    """What a run was given, by name: the copies that it keeps.

    Where there is no copy, as beside a recorded run, a state is read from the other run below
    `runs_dir`; None allows copies alone.

    Raises:
        Damaged: one is damaged, or not what the run was given.
        Mistake: there is neither a copy nor the other run.
    """
    found = {}
    for name, origin in origins_of(header).items():
        if name == INITIAL and not initial:
            continue
        place, part = Directories(run).input(name), PARAMS if name == INITIAL else STATE
        source = place
        try:
            if runs_dir is None or place.exists() or "run" not in origin:
                one = from_leaves(checkpoint.read(place, 0).leaves, part)
            else:
                source = runs_dir / origin["run"]
                if not (source / LEDGER_FILE).is_file():
                    raise Mistake(
                        f"{run} was given the state of step {origin['step']} of {origin['run']}, "
                        "and neither a copy nor that run is there; make it first"
                        + (f"\n  {origin['command']}" if "command" in origin else "")
                    )
                one = from_run(source, str(origin["step"]), None, origin.get("member"), part)
            wanted = needs.read(source, origin)
        except Damaged as damage:
            raise Damaged(f"{damage}{_remedy(origin)}") from None
        if one.digest != origin["digest"]:
            what = "the parameters that the run started from" if name == INITIAL else "its input"
            raise Damaged(f"{source} does not hold {what}{_remedy(origin)}")
        found[name] = Input(one.leaves, one.digest, origin, wanted)
    return found


def _remedy(origin: Mapping[str, Any]) -> str:
    if "command" not in origin:
        return ""
    return (
        f"; it is the state of step {origin['step']} of {origin['run']}: where that run still is, "
        f"or after `{origin['command']}`, the command that began this run takes it anew"
    )


def launched_before(
    identity: Identity,
    runs_dir: Path,
    asked: Mapping[str, Mapping[str, Any]],
    digests: Mapping[str, str],
) -> tuple[Path, dict[str, Any]] | None:
    """The run that the same command began, and its header.

    The other runs may have gone on since: what is asked for is then other states, and would be
    another run.

    `asked` maps a name to `run`, `checkpoint` and, of a population, `member` of each input,
    `digests` to how the digest of each begins, "" for any; `identity` is without its inputs.
    """
    end = identity.directory(runs_dir).name.removeprefix(identity.config_digest)
    for path in sorted((runs_dir / identity.experiment).glob(f"*{end}/{LEDGER_FILE}")):
        lines = ledger.read(path).lines
        header = lines[0].content if lines else {}
        origins = origins_of(header)
        if {n: {k: o.get(k) for k in asked.get(n, ())} for n, o in origins.items()} != asked:
            continue
        if not all(o["digest"].startswith(digests[name]) for name, o in origins.items()):
            continue
        then = from_fields(header)
        typed = {name: identity.config[name] for name in asked if name != INITIAL}
        if then._replace(initial="", config={**then.config, **typed}) == identity:
            return path.parent, header
    return None


def check_fit(shapes: Carry, initial: Input) -> None:
    """Refuse parameters that do not fit an experiment.

    Raises:
        Mistake: names, shapes or dtypes differ; each is named.
    """
    ours = {n: leaf for n, leaf in name_leaves(shapes).items() if n.startswith(PARAMS)}
    wrong = checkpoint.mismatches(record_leaves(initial.leaves), ours)
    if wrong:
        raise Mistake(
            "the other run's parameters do not fit this experiment: "
            + "; ".join(wrong[:5])
            + (f" and {len(wrong) - 5} more" if len(wrong) > 5 else "")
        )


def apply_initial(program: Program, carry: Carry, initial: Input) -> Carry:
    """The carry with its parameters replaced; those of every member, in a population.

    Raises:
        Mistake: names, shapes or dtypes differ; each is named.
    """
    check_fit(program.member_shapes, initial)
    leaves = program.leaves(carry, Reader())
    same = {n: np.broadcast_to(leaf, leaves[n].shape) for n, leaf in initial.leaves.items()}
    return program.place({**leaves, **same})
