"""A run's directory as a report needs it. Reads files only, and never JAX.

The one place that tells runs of one seed from populations: from here on there are members.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from research.engine import artifacts, glimpses, ledger
from research.engine.artifacts import Artifact, Passages
from research.engine.identity import CONFIG_FILE, LEDGER_FILE
from research.engine.record import read_metrics
from research.errors import Damaged, Mistake
from research.report.provenance import Provenance, provenance_of

GLIMPSES = 6
"""Of those that a run kept, so many are shown."""


class Curve(NamedTuple):
    """One figure of one member over the run.

    Attributes:
        steps: int64 `[reports]`, ascending.
        values: float64 `[reports]`; NaN for an empty interval and for what is not finite.
    """

    steps: np.ndarray
    values: np.ndarray


class Member(NamedTuple):
    """One seed with one config: a run of its own, or a part of a population.

    Attributes:
        seed: its seed.
        config: every field of its config, varied hyper-parameters as this member has them.
        digest: of its state where the run stands, or "".
        metrics: name -> final figure: a number, None, or a word such as "nan".
        curves: name -> its course.
    """

    seed: int
    config: dict[str, Any]
    digest: str
    metrics: dict[str, Any]
    curves: dict[str, Curve]


class Chain(NamedTuple):
    """What a ledger comes to.

    Attributes:
        saves: how many saves it holds.
        segments: in how many processes the run was made; 0 where that cannot be read.
        broken: what is wrong with the first line that does not fit, or "".
        last: digest of its last whole line, or "".
        code: one SHA-256 over the digests of the code's files, or "".
    """

    saves: int
    segments: int
    broken: str
    last: str
    code: str


class Run(NamedTuple):
    """A run, whole or not.

    Attributes:
        directory: where it lies.
        experiment: full name.
        config_digest: of the config, 12 hex digits.
        initial: digest of the parameters that it started from, or "".
        seeds: the first seed, and how many there are.
        width: members that are computed together, or None for a run of one seed.
        step: where it stands.
        complete: whether it stands at its end.
        seconds: time spent on steps, or None.
        digest: of the state where it stands, or "".
        members: one, or those of a population.
        fingerprint: what could change bits, by name.
        data: split -> digest of its content.
        chain: its ledger.
        artifacts: what it has to show.
        notes: sentences on what is missing or damaged.
        made_by: code, data and environment.
        items: what an update takes, such as `environment steps`; "" where the run does not say.
        items_per_step: how many; 0 where it does not say.
    """

    directory: Path
    experiment: str
    config_digest: str
    initial: str
    seeds: tuple[int, int]
    width: int | None
    step: int
    complete: bool
    seconds: float | None
    digest: str
    members: tuple[Member, ...]
    fingerprint: dict[str, str]
    data: dict[str, str]
    chain: Chain
    artifacts: dict[str, Artifact]
    notes: tuple[str, ...]
    made_by: Provenance
    items: str
    items_per_step: int


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
    notes = []
    header = _read_json(directory / CONFIG_FILE)
    if opened.lines:
        header = opened.header
    elif not {"experiment", "config", "seed"} <= header.keys():
        raise Damaged(
            f"{path} is damaged ({opened.broken or 'it is empty'}), and so is config.json"
        )
    if opened.broken and not opened.cut_short:
        notes.append(f"{LEDGER_FILE}: {opened.broken}; what follows it is not shown")
    result = _read_json(directory / "result.json")
    recorded = opened.result()
    if recorded is not None:
        vouched = {**recorded["shown"], **{n: recorded[n] for n in ("digest", "metrics")}}
        if any(result.get(name) != value for name, value in vouched.items()):
            notes.append("result.json is missing or changed: the figures are those of the ledger")
        result = {**result, **vouched, **{n: v for n, v in recorded.items() if n == "members"}}
    reports, changed = _reports(opened, directory / "metrics.jsonl")
    if changed:
        notes.append("metrics.jsonl was changed: the curves are those of the ledger")
    shown, problems = artifacts.read(directory / artifacts.DIRECTORY)
    if said := glimpses.read(directory):
        shown = {"glimpses": _passages(said), **shown}
    last = max(reports, default=0)
    population = header.get("population") or {}
    members = _members(header, result, reports)
    return Run(
        directory=directory,
        experiment=str(header["experiment"]),
        config_digest=str(header.get("config_digest", "")),
        initial=str(header.get("initial", "")),
        seeds=(int(header["seed"]), int(population.get("seeds", 1))),
        width=int(population["width"]) if "width" in population else None,
        step=int(result.get("step", max([last, *opened.saves()]))),
        complete=result.get("complete") is True,
        seconds=_number(result.get("seconds")),
        digest=str(result.get("digest", "")),
        members=members,
        fingerprint=dict(header.get("fingerprint", {})),
        data=dict(header.get("data", {})),
        chain=_chain(opened),
        artifacts=shown,
        notes=(*notes, *problems),
        made_by=provenance_of([header, *opened.of_kind("segment")]),
        items=str(header.get("items", "")),
        items_per_step=int(header.get("items_per_step", 0)),
    )


def _passages(said: Mapping[int, str]) -> Passages:
    """Glimpses, the first and the last and some between."""
    steps = list(said)
    chosen = sorted({round(at) for at in np.linspace(0, len(steps) - 1, GLIMPSES)})
    return Passages(
        "As it learned",
        tuple(said[steps[at]] for at in chosen),
        tuple(f"step {steps[at]:,}" for at in chosen),
    )


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _chain(opened: ledger.Ledger) -> Chain:
    code = ""
    if opened.lines:
        from research.engine.code import combined

        newest = next(reversed([opened.header, *opened.of_kind("segment")]))
        code = combined(newest.get("code") or opened.header.get("code", {}))
    return Chain(
        saves=len(opened.saves()),
        segments=1 + sum(1 for _ in opened.of_kind("segment")) if opened.lines else 0,
        broken="" if opened.cut_short else opened.broken,
        last=opened.lines[-1].digest if opened.lines else "",
        code=code,
    )


def _reports(opened: ledger.Ledger, path: Path) -> tuple[dict[int, dict[str, Any]], bool]:
    """Step -> figures: the ledger's, and the file's past its last save; whether the file lies."""
    vouched = opened.reports()
    try:
        lines = read_metrics(path)
    except OSError:
        lines = {}
    until = max(opened.saves(), default=-1)
    later = {step: line for step, line in lines.items() if step > until}
    # Where there is no file at all, nothing false was said.
    changed = path.exists() and any(lines.get(step) != line for step, line in vouched.items())
    return dict(sorted({**vouched, **later}.items())), changed


def _members(
    header: Mapping[str, Any], result: Mapping[str, Any], reports: Mapping[int, Mapping[str, Any]]
) -> tuple[Member, ...]:
    """The members of a run, in the order in which lists of figures have them."""
    population, config, seed = header.get("population"), dict(header["config"]), int(header["seed"])
    # Runs are compared in it as in a field of the config, though the engine has it.
    config |= {"patience": header["patience"]} if header.get("patience") else {}
    if not population:
        curves = _curves(reports, None)
        figures = dict(result.get("metrics") or {})
        return (Member(seed, config, str(result.get("digest", "")), figures, curves),)
    seeds = int(population.get("seeds", 1))
    listed = [member for member in result.get("members") or () if isinstance(member, dict)]
    if not listed:
        count = max([seeds, *(len(v) for r in reports.values() for v in r.values() if _many(v))])
        # Which member has which of several values is written in the result alone.
        several = count > seeds
        listed = [
            {"seed": seed if several else seed + n, "hyperparameters": {"member": n}}
            if several
            else {"seed": seed + n}
            for n in range(count)
        ]
    return tuple(
        Member(
            int(member.get("seed", seed)),
            {**config, **(member.get("hyperparameters") or {})},
            str(member.get("digest", "")),
            dict(member.get("metrics") or {}),
            _curves(reports, number),
        )
        for number, member in enumerate(listed)
    )


def _many(value: Any) -> bool:
    return isinstance(value, list)


def _curves(reports: Mapping[int, Mapping[str, Any]], member: int | None) -> dict[str, Curve]:
    """Name -> course of each figure of one member, or of a run of one seed (None)."""
    found: dict[str, tuple[list[int], list[float]]] = {}
    for step, figures in reports.items():
        for name, value in figures.items():
            if _many(value):
                if member is None or member >= len(value):
                    continue
                value = value[member]
            steps, values = found.setdefault(name, ([], []))
            steps.append(step)
            number = _number(value)
            values.append(math.nan if number is None else number)
    return {
        name: Curve(np.array(steps, np.int64), np.array(values))
        for name, (steps, values) in found.items()
    }


def _number(value: Any) -> float | None:
    """A finite number, or None: of words such as "nan", of nothing, of anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None
