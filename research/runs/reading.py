"""A run read whole, as a page shows it: the chain of its ledger, every report, its artifacts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from research.engine import artifacts, ledger, record
from research.engine.artifacts import Artifact, Confusion, Passages
from research.engine.directory import CONFIG_FILE, LEDGER_FILE, METRICS_FILE, RESULT_FILE
from research.errors import Damaged, Mistake
from research.runs.files import Reports, provenance_of, read_json, read_lines, read_result
from research.runs.run import Chain, Frames, Run
from research.runs.summary import curves_of, make_run

TEXTS = 6
"""Of the texts that a run kept as it learned, so many are shown."""


def read_run(directory: Path) -> Run:
    """Read all that a report shows of a run; what is missing or damaged is noted.

    Raises:
        Mistake: there is no run.
        Damaged: neither its ledger nor its `config.json` says what it is.
    """
    path = directory / LEDGER_FILE
    if not path.is_file():
        raise Mistake(f"{directory} is not a run: it has no {LEDGER_FILE}")
    opened = ledger.read(path)
    header = opened.header if opened.lines else read_json(directory / CONFIG_FILE)
    if not {"experiment", "config", "seed"} <= header.keys():
        raise Damaged(
            f"{path} is damaged ({opened.broken or 'it is empty'}), and so is {CONFIG_FILE}"
        )
    notes = []
    problem = "" if opened.cut_short else opened.broken
    if problem:
        notes.append(f"{LEDGER_FILE}: {problem}; what follows it is not shown")
    end = _end_of(opened)
    if "shown" in end and not read_result(directory, end)[1]:
        notes.append(f"{RESULT_FILE} is missing or changed: the figures are those of the ledger")
    reports, changed = read_reports(opened, directory)
    if changed:
        notes.append(f"{METRICS_FILE} was changed: the curves are those of the ledger")
    found, problems = read_artifacts(directory, end)
    run = make_run(directory, header, end, reports, problem)
    return _with_curves(run, reports)._replace(
        made_by=provenance_of([header, *opened.of_kind("segment")]),
        chain=_chain(opened),
        artifacts=found,
        notes=(*notes, *problems),
    )


def with_curves(run: Run) -> Run:
    """A run that was read at its ends, with the courses of its figures."""
    opened = ledger.read(run.directory / LEDGER_FILE)
    return _with_curves(run, read_reports(opened, run.directory)[0])


def _with_curves(run: Run, reports: Reports) -> Run:
    members = (
        member._replace(curves=curves_of(reports, place))
        for place, member in enumerate(run.members)
    )
    return run._replace(members=tuple(members))


def read_reports(opened: ledger.Ledger, directory: Path) -> tuple[Reports, bool]:
    """Step -> figures: the ledger's, and the file's past its last save; whether the file lies."""
    vouched = opened.reports()
    lines = read_lines(directory)
    until = max(opened.saves(), default=-1)
    later = {step: line for step, line in lines.items() if step > until}
    # Where there is no file at all, nothing false was said.
    there = (directory / METRICS_FILE).exists()
    changed = there and any(lines.get(step) != line for step, line in vouched.items())
    return dict(sorted({**vouched, **later}.items())), changed


def read_artifacts(
    directory: Path, end: Mapping[str, Any]
) -> tuple[dict[str, Artifact | Frames], list[str]]:
    """What a run has to show, by name, its glimpses first; and what cannot be read of it.

    Args:
        directory: of the run.
        end: the last line of its ledger, which holds what is counted over a split.
    """
    found, problems = artifacts.read(directory / artifacts.DIRECTORY)
    glimpses, unread = record.read_glimpses(directory)
    course = {"glimpses": _course(glimpses)} if glimpses else {}
    # Artifacts are of a population's first member.
    sums = (end.get("members") or [end])[0].get("sums", {}) if "shown" in end else {}
    for name, artifact in [*found.items()]:
        if isinstance(artifact, Confusion) and isinstance(artifact.counts, str):
            if artifact.counts in sums:
                found[name] = _with_counts(artifact, artifact.counts, sums[artifact.counts])
            else:
                problems.append(f"{found.pop(name).title}: the ledger has no {artifact.counts}")
    return {**course, **found}, unread + problems


def _with_counts(table: Confusion, name: str, recorded: Sequence[Sequence[float]]) -> Confusion:
    """The table with what was recorded, and how much that is."""
    counts = np.array(recorded).astype(int)
    total, right = int(counts.sum()), int(np.trace(counts))
    split = name.partition("/")[0]
    words = f"All {total:,} examples of the {split} split; {total - right:,} are mistakes."
    return table._replace(counts=counts, note=table.note or words)


def _course(glimpses: Mapping[int, str | Artifact]) -> Passages | Frames:
    """Texts, the first and the last and some between; else all as frames."""
    texts = {step: text for step, text in glimpses.items() if isinstance(text, str)}
    steps = list(glimpses)
    if len(texts) < len(steps):
        frames = [
            Passages(record.TITLE, (glimpse,)) if isinstance(glimpse, str) else glimpse
            for glimpse in glimpses.values()
        ]
        return Frames(frames[-1].title, tuple(steps), tuple(frames))
    chosen = sorted({round(at) for at in np.linspace(0, len(steps) - 1, TEXTS)})
    return Passages(
        record.TITLE,
        tuple(texts[steps[at]] for at in chosen),
        tuple(f"step {steps[at]:,}" for at in chosen),
    )


def _end_of(opened: ledger.Ledger) -> dict[str, Any]:
    """As `research.runs.files.read_end`, of a ledger whose chain was held together."""
    result, save = opened.result(), opened.last("save")
    if result is not None:
        return {**result, "step": int(result["shown"]["step"])}
    return save or {}


def _chain(opened: ledger.Ledger) -> Chain:
    code = ""
    if opened.lines:
        newest = next(reversed([opened.header, *opened.of_kind("segment")]))
        files = newest.get("code") or opened.header.get("code", {})
        code = hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()
    return Chain(
        saves=len(opened.saves()),
        segments=1 + sum(1 for _ in opened.of_kind("segment")) if opened.lines else 0,
        broken="" if opened.cut_short else opened.broken,
        last=opened.lines[-1].digest if opened.lines else "",
        code=code,
    )
