"""`verify`: replay a run and hold every save against its ledger."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO

from research.cli.display import Display
from research.engine.directory import LEDGER_FILE
from research.errors import Damaged, EncoreError, Exit, Mistake, Stopped
from research.options.assembly import Delivery, Launch, named_of, open_run
from research.options.command import Command, Context, OnRuns, Outcome, parse
from research.options.configure import added_since
from research.options.pace import (
    AUTO,
    TEXT,
    CoreChoice,
    Feeding,
    WorkerCount,
    WorkerKind,
    cores_mistakes,
    cores_wanted,
    workers_mistakes,
)
from research.options.ranges import COUNT, PATH
from research.options.terminal import make_console
from research.runs.files import read_header
from research.runs.names import RUN, find_meant, find_run
from research.runs.reported import member_number

if TYPE_CHECKING:
    from research.engine.identity import Identity
    from research.engine.verify import Verdict


@dataclass(frozen=True)
class Options(OnRuns):
    """Options of `verify`."""

    member: Annotated[int | None, "a member of a population, counted from 0, and its block"] = None
    devices: Annotated[int, "devices to use: members first, then groups of a batch", COUNT] = 1
    interval: Annotated[str, "steps A:B only, A being 0 or a stored checkpoint"] = ""
    data: Feeding = "auto"
    workers: WorkerCount = 2
    worker_kind: WorkerKind = "threads"
    cores: CoreChoice = AUTO
    text: Annotated[str, TEXT, PATH] = ""

    def validate(self) -> list[str]:
        """What is wrong with the options, a message each."""
        messages = cores_mistakes(self.cores)
        messages += workers_mistakes(self.workers, self.worker_kind)
        if self.interval and parse_interval(self.interval) is None:
            messages.append(f"--interval must be two steps A:B with A below B, not {self.interval}")
        return messages


CODES = {
    "VERIFIED": Exit.DONE,
    "DIFFERS": Exit.DIFFERENCE,
    "INCOMPARABLE": Exit.INCOMPARABLE,
}
"""Name of a judgement -> exit code."""
WORDS = {
    Exit.DONE: "verified",
    Exit.INCOMPARABLE: "not comparable here",
    Exit.DAMAGED: "damaged",
    Exit.DIFFERENCE: "differs",
}
"""What each exit code says of one of several runs, the worst last."""


def parse_interval(text: str) -> tuple[int, int] | None:
    """The two steps of `A:B`; None where it is no such thing."""
    match = re.fullmatch(r"(\d[\d_]*):(\d[\d_]*)", text)
    if not match:
        return None
    start, stop = int(match[1]), int(match[2])
    return (start, stop) if start < stop else None


def execute(tokens: Sequence[str], context: Context) -> Outcome:
    """Replay, compare, and print what was found."""
    texts, options = parse(COMMAND, tokens)
    runs = list(dict.fromkeys(run for text in texts for run in meant(text, Path(options.runs_dir))))
    if len(runs) == 1:
        verdict = _replay(runs[0], options, context)
        _print(verdict, runs[0], context.human)
        report = report_of(runs[0], verdict)
        return Outcome(report, Exit(report["exit_code"]))
    for name in ("member", "interval", "text"):
        if getattr(options, name) not in ("", None):
            raise Mistake(f"--{name} is for one run, and these are {len(runs)}")
    reports = []
    for run in runs:
        reports.append(_replay_of_many(run, options, context))
        print(_line(reports[-1]), file=context.human, flush=True)
    return _outcome(reports, context.human)


def meant(text: str, runs_dir: Path) -> list[Path]:
    """The runs in a folder of runs, or the one run that `text` stands for.

    Raises:
        Mistake: none fits, or several do and `text` is no folder.
    """
    path = Path(text)
    if path.is_dir() and not (path / LEDGER_FILE).is_file():
        return find_meant(text, runs_dir)
    return [find_run(text, runs_dir)]


def _replay_of_many(run: Path, options: Options, context: Context) -> dict[str, Any]:
    """The report on one of several runs: what stops one does not stop the others."""
    import jax

    header, _ = read_header(run)
    made_on = (header.get("fingerprint") or {}).get("platform")
    try:
        if made_on not in (None, jax.default_backend()):
            # Chaos takes it out of any tolerance: hours would be spent to say nothing.
            raise Mistake(f"made on another platform, {made_on}")
        return report_of(run, _replay(run, options, context))
    except Stopped:
        raise
    except EncoreError as error:
        damaged = error.exit_code in (Exit.DAMAGED, Exit.DIFFERENCE)
        code = error.exit_code if damaged else Exit.INCOMPARABLE
        return {"run_dir": str(run), "verified": False, "error": str(error), "exit_code": int(code)}
    finally:
        jax.clear_caches()


def _line(report: Mapping[str, Any]) -> str:
    """One run among several: its verdict, its name, and the first reason."""
    reasons = (report.get("error"), *report.get("findings", ()), *report.get("notes", ()))
    reason = next((str(reason).splitlines()[0] for reason in reasons if reason), "")
    explained = f": {reason}" if reason and not report["verified"] else ""
    return f"{WORDS[Exit(report['exit_code'])]}: {report['run_dir']}{explained}"


def _outcome(reports: Sequence[Mapping[str, Any]], file: TextIO) -> Outcome:
    """The sum over several runs; the exit code is that of the worst verdict."""
    codes = [Exit(report["exit_code"]) for report in reports]
    counts = {words: codes.count(code) for code, words in WORDS.items() if code in codes}
    summary = ", ".join(f"{count} {words}" for words, count in counts.items())
    print(f"{len(reports)} runs: {summary}", file=file)
    worst = next(code for code in reversed(WORDS) if code in codes)
    return Outcome(
        {"verified": worst is Exit.DONE, "runs": list(reports), "exit_code": int(worst)}, worst
    )


def report_of(run: Path, verdict: Verdict) -> dict[str, Any]:
    """What `--json` prints of one run."""
    code = CODES[verdict.judgement.name]
    return {
        "run_dir": str(run),
        "verified": code == Exit.DONE,
        **verdict._asdict(),
        "judgement": verdict.judgement.value,
        "exit_code": int(code),
    }


def _replay(run: Path, options: Options, context: Context) -> Verdict:
    from research.engine import ledger
    from research.engine.environment import fix_devices
    from research.engine.identity import read_identity
    from research.engine.inputs import kept
    from research.engine.own_files import find
    from research.engine.verify import changed_input, verify

    identity = read_identity(run)
    named = named_of(identity, context.root)
    files = find(run, identity.config, {"text": options.text})
    fix_devices(options.devices)
    try:
        inputs = kept(run, ledger.read(run / LEDGER_FILE).header, Path(options.runs_dir))
    except Damaged as damage:
        return changed_input(damage)
    members = None if options.member is None else block_of(identity, options.member)
    interval = parse_interval(options.interval) if options.interval else None
    with (
        Display(sys.stderr, context.human) as display,
        open_run(
            Launch(identity, run, inputs, files),
            Delivery(options.data, options.workers, options.worker_kind),
            context.root,
            devices=options.devices,
            members=members,
            note=display.note,
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
        return verify(
            ready.program,
            identity,
            run,
            ready.surroundings,
            display,
            interval,
            members,
            cores_wanted(options.cores),
            inputs,
        )


def block_of(identity: Identity, member: int) -> range:
    """The members that are trained together with one, which is what its bits come from.

    Raises:
        Mistake: the run is no population, or has no such member.
    """
    member_number(identity, member)
    assert identity.population is not None
    width = identity.population.width
    first = member - member % width
    return range(first, min(first + width, len(identity.members)))


def _print(verdict: Verdict, run: Path, file: TextIO) -> None:
    console = make_console(file)
    for note in verdict.notes:
        console.print(f"note: {note}", style="yellow")
    for finding in verdict.findings:
        console.print(f"difference: {finding}", style="bold red")
    saves = f"{verdict.equal} of {verdict.compared} saves are equal to the bit"
    if verdict.near:
        saves += f", {verdict.near} within the tolerance of another platform"
    style = {"VERIFIED": "bold green", "INCOMPARABLE": "bold yellow"}.get(verdict.judgement.name)
    console.print(f"{verdict.judgement.value}: {saves} in {run}", style=style, soft_wrap=True)
    if verdict.judgement.name == "INCOMPARABLE":
        console.print("  This is neither a proof nor a difference: an environment like that of the "
                      "run can say more.", soft_wrap=True)  # fmt: skip


COMMAND = Command(
    name="verify",
    summary="replay a run and prove that it gives the same bits",
    text="""Makes the run again, or one interval of it from a stored checkpoint, and compares the
    state at every save with the run's ledger. The first difference is named by its step and its
    leaf. A broken chain, a changed config, other data, other code and a changed copy of another
    run's state are named as such.

    There are three verdicts. Verified: at least one step was made again, and every save that was is
    equal to the bit. Differs: something is not what the ledger says. Cannot be verified here:
    nothing could be compared to the bit, as on another CPU or with other versions; agreement within
    a tolerance is reported, and proves nothing.

    Of several runs, each is replayed and has a line with its verdict. Those made on another
    platform, and those whose data are missing, are named as not comparable here. The exit code is
    that of the worst verdict.""",
    arguments=(
        RUN._replace(
            help="a run's directory, a part of its name that only one has, or a folder of runs",
            many=True,
        ),
    ),
    options=Options,
    examples=(
        ("verify digits_cnn", "the only run of that experiment, whole"),
        ("verify 3f2a --interval 1000:1500", "from the checkpoint of step 1000 to step 1500"),
        ("verify records", "each recorded run: verified, differs, or not comparable here"),
    ),
    exits=(Exit.DIFFERENCE, Exit.DAMAGED, Exit.INCOMPARABLE),
    execute=execute,
    works=True,
)
