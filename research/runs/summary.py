"""What a run's files come to; by their ends, in a moment: nothing hashed, no checkpoint opened.

A run of one seed and a population are read alike: both have members.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from research.engine.directory import CONFIG_FILE, LEDGER_FILE, NONFINITE, RESULT_FILE, is_held
from research.runs.files import (
    Reports,
    changed_at,
    numbered,
    read_end,
    read_header,
    read_json,
    read_result,
    recent_lines,
)
from research.runs.run import Curve, Member, Run, State

_POPULATION = re.compile(r"-s(\d+)(?:\+(\d+)-w(\d+))?")


def summarize(directory: Path) -> Run:
    """What the ends of a run's files say: enough for a table, whatever state they are in."""
    header, problem = read_header(directory)
    starting = bool(problem) and is_held(directory)
    if problem:
        header = read_json(directory / CONFIG_FILE)
        if starting and not (directory / LEDGER_FILE).is_file():
            problem = ""
    end, broken = read_end(directory)
    return make_run(directory, header, end, recent_lines(directory), problem or broken)


def make_run(
    directory: Path,
    header: Mapping[str, Any],
    end: Mapping[str, Any],
    reports: Reports,
    problem: str,
) -> Run:
    """A run from what was read of its files, at their ends or whole.

    Args:
        directory: where it lies.
        header: the ledger's first line, or the content of `config.json`.
        end: the ledger's last line of a save or a result, with its `step`; or {}.
        reports: step -> figures, ascending: all of them, or the last.
        problem: what is wrong with the ledger, or "".
    """
    result = read_result(directory, end)[0] if "shown" in end else {}
    complete = not problem and result.get("complete") is True
    step = int(end.get("step", 0)) if result else max([int(end.get("step", 0)), *reports])
    first, count, width = _population(header, directory.name)
    at_last = read_json(directory / RESULT_FILE)
    seconds = at_last.get("seconds")
    steps = header.get("steps")
    return Run(
        directory=directory,
        experiment=str(header.get("experiment") or "/".join(directory.parts[-3:-1])),
        config=config_of(header),
        members=members_of(header, result, reports, (first, count)),
        initial=str(header.get("initial") or ""),
        seeds=(first, count),
        width=width,
        state=_state_of(directory, step, complete=complete, problem=problem),
        problem=problem,
        step=step,
        steps=step if complete else steps if isinstance(steps, int) else None,
        changed=changed_at(directory),
        spreads=result.get("spread") or {},
        headline=str(header.get("headline") or ""),
        items=str(header.get("items") or ""),
        items_per_step=int(header.get("items_per_step") or 0),
        config_digest=str(header.get("config_digest") or ""),
        seconds=float(seconds) if isinstance(seconds, int | float) else None,
        waited=at_last.get("waited"),
        digest=str(end.get("digest", "")),
        fingerprint=dict(header.get("fingerprint") or {}),
        data=dict(header.get("data") or {}),
    )


def _state_of(directory: Path, step: int, *, complete: bool, problem: str) -> State:
    if problem:
        return "damaged"
    if complete:
        return "complete"
    if is_held(directory):
        return "running"
    return "diverged" if max(numbered(directory / NONFINITE), default=-1) > step else "stopped"


def _population(header: Mapping[str, Any], name: str) -> tuple[int, int, int | None]:
    """First seed, number of seeds, and width (None for a solo run)."""
    found = _POPULATION.search(name)
    first, count, width = found.groups() if found else (None, None, None)
    population = header.get("population") or {}
    seed = header.get("seed", first)
    count, width = population.get("seeds", count), population.get("width", width)
    return int(seed or 0), int(count or 1), int(width) if width else None


def unreadable(directory: Path) -> Run:
    """Of a directory that this user may not look into, all that can be said."""
    try:
        owner = directory.owner()
    except (KeyError, OSError):
        owner = f"user {directory.stat().st_uid}"
    problem = f"may not be read: it belongs to {owner}"
    return Run(
        directory, "/".join(directory.parts[-3:-1]), {}, (), state="unreadable", problem=problem
    )


def members_of(
    header: Mapping[str, Any],
    result: Mapping[str, Any],
    reports: Mapping[int, Mapping[str, Any]],
    seeds: tuple[int, int],
) -> tuple[Member, ...]:
    """The members in the order in which lists of figures have them.

    Args:
        header: the ledger's first line.
        result: of a finished run; empty for one whose last reported figures count.
        reports: step -> figures, ascending.
        seeds: the first seed and how many.
    """
    config = config_of(header)
    if result:
        rows = result.get("members") or [{"seed": seeds[0], **result}]
    else:
        rows = _rows(header, _latest(reports), *seeds)
    return tuple(
        Member(
            int(row.get("seed", seeds[0])),
            {**config, **(row.get("hyperparameters") or {})},
            figures_of(row.get("metrics") or {}),
            row.get("hyperparameters") or {},
            (row.get("metrics") or {}).get("reported_step"),
            str(row.get("digest", "")),
        )
        for row in rows
    )


def config_of(header: Mapping[str, Any]) -> dict[str, Any]:
    """A run's config; with its patience, which is compared like a field, though not one of it."""
    patience = header.get("patience")
    return {**(header.get("config") or {}), **({"patience": patience} if patience else {})}


def _latest(reports: Mapping[int, Mapping[str, Any]]) -> dict[str, Any]:
    """The last figure of each name."""
    latest: dict[str, Any] = {}
    for figures in reports.values():
        latest |= {name: value for name, value in figures.items() if value is not None}
    return latest


def _rows(
    header: Mapping[str, Any], figures: Mapping[str, Any], first: int, seeds: int
) -> list[dict[str, Any]]:
    """Members as a result has them, of a run without one: each variant has all seeds in turn."""
    lists = {name: value for name, value in figures.items() if isinstance(value, list)}
    population = header.get("population") or {}
    if not lists and not population:
        return [{"seed": first, "metrics": figures}]
    varied = population.get("varied") or ()
    chosen = itertools.product(*(header["config"][name] for name in varied))
    variants = [dict(zip(varied, values, strict=True)) for values in chosen]
    size = max([seeds * len(variants), *map(len, lists.values())])
    if size > seeds * len(variants):
        # Of an older version, which wrote the values down at the end alone.
        variants = [{"variant": at} for at in range(-(-size // seeds))]
    return [
        {
            "seed": first + at % seeds,
            "hyperparameters": variants[at // seeds],
            "metrics": {name: value[at] for name, value in lists.items() if at < len(value)},
        }
        for at in range(size)
    ]


def figures_of(metrics: Mapping[str, Any]) -> dict[str, float]:
    """Figures as floats; `"nan"` and `"inf"` are words in JSON, empty ones are left out."""
    found = {}
    for name, value in metrics.items():
        if name == "reported_step":
            continue
        try:
            found[name] = float(value)
        except (TypeError, ValueError):
            continue
    return found


def curves_of(reports: Mapping[int, Mapping[str, Any]], member: int) -> dict[str, Curve]:
    """Name -> course of each figure of one member."""
    import numpy as np

    found: dict[str, tuple[list[int], list[float]]] = {}
    for step, figures in reports.items():
        for name, value in figures.items():
            if isinstance(value, list):
                if member >= len(value):
                    continue
                value = value[member]
            steps, values = found.setdefault(name, ([], []))
            number = figures_of({name: value}).get(name, math.nan)
            steps.append(step)
            values.append(number if math.isfinite(number) else math.nan)
    return {
        name: Curve(np.array(steps, np.int64), np.array(values))
        for name, (steps, values) in found.items()
    }
