"""`verify`: replay a run and hold every save against its ledger."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TextIO

from research.cli.command import Argument, Command, Context, Outcome, parse
from research.cli.display import Display
from research.cli.opening import named_of, opened_run
from research.cli.pace import AUTO, CORES, RUNS_DIR, TEXT, RunsDir, cores_mistakes, cores_wanted
from research.cli.terminal import make_console
from research.errors import Exit, Mistake
from research.options.configure import added_since
from research.options.ranges import PATH
from research.runs.names import find_run

if TYPE_CHECKING:
    from research.engine.identity import Identity
    from research.engine.verify import Verdict


@dataclass(frozen=True)
class Options:
    """Options of `verify`."""

    member: Annotated[int | None, "a member of a population, counted from 0, and its block"] = None
    devices: Annotated[int, "devices to use: members first, then groups of a batch"] = 1
    interval: Annotated[str, "steps A:B only, A being 0 or a stored checkpoint"] = ""
    data: Annotated[
        Literal["auto", "resident", "streamed"], "where the data lie: on the device, or fed to it"
    ] = "auto"
    cores: Annotated[str, CORES] = AUTO
    text: Annotated[str, TEXT, PATH] = ""
    runs_dir: RunsDir = RUNS_DIR
    json: Annotated[bool, "print one JSON object, text goes to stderr"] = False

    def validate(self) -> list[str]:
        """What is out of range, a message each."""
        messages = cores_mistakes(self.cores)
        if self.interval and parse_interval(self.interval) is None:
            messages.append(f"--interval must be two steps A:B with A below B, not {self.interval}")
        if self.devices < 1:
            messages.append(f"--devices must be at least 1, not {self.devices}")
        return messages


CODES = {
    "VERIFIED": Exit.DONE,
    "DIFFERS": Exit.DIFFERENCE,
    "INCOMPARABLE": Exit.INCOMPARABLE,
}
"""Name of a judgement -> exit code."""


def parse_interval(text: str) -> tuple[int, int] | None:
    """The two steps of `A:B`; None where it is no such thing."""
    match = re.fullmatch(r"(\d[\d_]*):(\d[\d_]*)", text)
    if not match:
        return None
    start, stop = int(match[1]), int(match[2])
    return (start, stop) if start < stop else None


def execute(tokens: Sequence[str], context: Context) -> Outcome:
    """Replay, compare, and say what was found."""
    (text,), options = parse(COMMAND, tokens)
    run = find_run(text, Path(options.runs_dir))
    from research.engine.environment import fix_devices
    from research.engine.identity import read_identity
    from research.engine.own_files import find
    from research.engine.verify import verify

    identity = read_identity(run)
    named = named_of(identity, context.root)
    files = find(run, identity.config, {"text": options.text})
    fix_devices(options.devices)
    members = None if options.member is None else block_of(identity, options.member)
    interval = parse_interval(options.interval) if options.interval else None
    with (
        Display(sys.stderr, context.human) as display,
        opened_run(
            named,
            identity,
            options.data,
            context.root,
            files=files,
            devices=options.devices,
            members=members,
            tell=display.note,
        ) as ready,
    ):
        for note in (context.note, added_since(named, identity.config)):
            if note:
                display.note(note)
        display.started(
            {
                "experiment": f"replaying {identity.experiment}",
                "seed": identity.seed,
                "members": len(members or identity.members),
                "run_dir": str(run),
                "step": interval[0] if interval else 0,
                "steps": ready.experiment.steps,
                "items": ready.experiment.items,
            }
        )
        verdict = verify(
            ready.program,
            identity,
            run,
            ready.surroundings,
            display,
            interval,
            members,
            cores_wanted(options.cores),
        )
    _print(verdict, run, context.human)
    code = CODES[verdict.judgement.name]
    report = {
        "run_dir": str(run),
        "verified": code == Exit.DONE,
        **verdict._asdict(),
        "judgement": verdict.judgement.value,
        "exit_code": int(code),
    }
    return Outcome(report, code)


def block_of(identity: Identity, member: int) -> range:
    """The members that are trained together with one, which is what its bits come from.

    Raises:
        Mistake: the run is no population, or has no such member.
    """
    many, count = identity.population, len(identity.members)
    if many is None:
        raise Mistake("--member: this is a run of one seed")
    if not 0 <= member < count:
        raise Mistake(f"--member must lie in 0 to {count - 1}, not {member}")
    first = member - member % many.width
    return range(first, min(first + many.width, count))


def _print(verdict: Verdict, run: Path, file: TextIO) -> None:
    console = make_console(file)
    for note in verdict.notes:
        console.print(f"note: {note}", style="yellow", markup=False)
    for finding in verdict.findings:
        console.print(f"difference: {finding}", style="bold red", markup=False)
    saves = f"{verdict.equal} of {verdict.compared} saves are equal to the bit"
    if verdict.near:
        saves += f", {verdict.near} within the tolerance of another platform"
    style = {"VERIFIED": "bold green", "INCOMPARABLE": "bold yellow"}.get(verdict.judgement.name)
    console.print(
        f"{verdict.judgement.value}: {saves} in {run}", style=style, markup=False, soft_wrap=True
    )
    if verdict.judgement.name == "INCOMPARABLE":
        console.print("  This is neither a proof nor a difference: an environment like that of the "
                      "run can say more.", markup=False, soft_wrap=True)  # fmt: skip


COMMAND = Command(
    name="verify",
    summary="replay a run and prove that it gives the same bits",
    text="""Makes the run again, or one interval of it from a stored checkpoint, and holds the state
    at every save against the run's ledger. The first difference is named by its step and its leaf.
    A broken chain, a changed config, other data and other code are named as such.

    There are three verdicts. Verified: at least one step was made again, and every save that was is
    equal to the bit. Differs: something is not what the ledger says. Cannot be verified here:
    nothing could be compared to the bit, as on another CPU or with other versions; how far the run
    agrees within a tolerance is said, and proves nothing.""",
    arguments=(Argument("RUN", "a run's directory, or a part of its name that only one has"),),
    options=Options,
    examples=(
        ("verify digits_cnn", "the only run of that experiment, whole"),
        ("verify 3f2a --interval 1000:1500", "from the checkpoint of step 1000 to step 1500"),
    ),
    exits=(Exit.DIFFERENCE, Exit.DAMAGED, Exit.INCOMPARABLE),
    execute=execute,
    works=True,
)
