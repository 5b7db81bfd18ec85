"""What a run's files say of it, read in a moment: no JAX, nothing hashed, no checkpoint opened.

This is where solo runs and populations are told apart: both become members with figures.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

from research.cli.runs import LEDGER_FILE, read_json
from research.engine.lock import is_held
from research.statistics import Spread

State = Literal["complete", "running", "stopped", "diverged", "damaged", "unreadable"]
STATES: tuple[str, ...] = get_args(State)
_BLOCK = 1 << 16
_RECENT = 1 << 14
"""Bytes at the end of `metrics.jsonl` in which the latest figures of an unfinished run lie."""


class Member(NamedTuple):
    """One seed of a run.

    Attributes:
        seed: its seed.
        hyperparameters: those in which it differs from other members of its population.
        metrics: name -> figure; NaN and infinities as floats, empty ones left out.
    """

    seed: int
    hyperparameters: Mapping[str, Any]
    metrics: Mapping[str, float]


class Summary(NamedTuple):
    """What a run is and where it stands.

    Attributes:
        directory: where it lies.
        experiment: full name.
        config: its fields; a hyper-parameter that a population varies is a list.
        initial: digest of the parameters that it started from, or "".
        seeds: the first seed and how many.
        width: members side by side in a population; None for a solo run.
        state: see `STATES`.
        problem: what is damaged, or "".
        step: the last one that is known of.
        steps: of the whole run; None where its files do not say.
        members: their figures: final ones, or the last reported; empty where there are none yet.
        changed: when a line was last written, seconds since 1970.
        spreads: name -> what `result.json` of a population says of the mean over members.
    """

    directory: Path
    experiment: str
    config: Mapping[str, Any]
    initial: str
    seeds: tuple[int, int]
    width: int | None
    state: State
    problem: str
    step: int
    steps: int | None
    members: tuple[Member, ...]
    changed: float
    spreads: Mapping[str, Mapping[str, Any]] = {}

    def spread(self, name: str) -> Spread | None:
        """The recorded spread of a figure over members; None where it has to be computed.

        It is computed where a member's figure is not finite, too: what it then means has one
        definition.
        """
        found = self.spreads.get(name) or {}
        parts = (found.get(part) for part in ("mean", "standard_deviation", "low", "high"))
        values = [float(value) for value in parts if isinstance(value, int | float)]
        if len(values) < 4 or not all(map(math.isfinite, values)):
            return None
        mean, deviation, low, high = values
        return Spread(len(self.members), mean, deviation, low, high, 0)

    @property
    def varied(self) -> bool:
        """Whether its members differ in more than their seeds."""
        return any(member.hyperparameters for member in self.members)


def unreadable(directory: Path) -> Summary:
    """Of a directory that this user may not look into, all that can be said."""
    try:
        owner = directory.owner()
    except (KeyError, OSError):
        owner = f"user {directory.stat().st_uid}"
    problem = f"may not be read: it belongs to {owner}"
    parts = "/".join(directory.parts[-3:-1])
    return Summary(
        directory, parts, {}, "", (0, 1), None, "unreadable", problem, 0, None, (), math.nan
    )


def summarize(directory: Path) -> Summary:
    """Read one run's directory: the ends of its ledger, `result.json` or its last metrics."""
    path = directory / LEDGER_FILE
    header, problem = _header(path)
    if problem:
        running = is_held(directory)
        header = read_json(directory / "config.json") or {}
        if running and not path.is_file():
            problem = ""
    else:
        running = False
    last, step, broken = _end(path)
    problem = problem or broken
    result = _result(directory, last)
    found = sorted(_numbered(directory / "nonfinite"))
    if problem:
        state: State = "damaged"
    elif result is not None:
        state = "complete"
    elif running or is_held(directory):
        state = "running"
    elif found and found[-1] > step:
        state = "diverged"
    else:
        state = "stopped"
    first, count, width = _population(header, directory.name)
    if result is None:
        recent = recent_figures(directory / "metrics.jsonl")
        step = max([step, *recent])
        members = _members(_latest(recent), first, count)
    else:
        step = int(result.get("step", step))
        members = result_members(result, first)
    steps = header.get("steps")
    return Summary(
        directory,
        str(header.get("experiment") or "/".join(directory.parts[-3:-1])),
        (header.get("config") or {}) | _patience(header),
        str(header.get("initial") or ""),
        (first, count),
        width,
        state,
        problem,
        step,
        step if state == "complete" else steps if isinstance(steps, int) else None,
        members,
        _changed(directory),
        (result or {}).get("spread") or {},
    )


def _patience(header: Mapping[str, Any]) -> dict[str, Any]:
    """What a person compares runs in like a field of the config, though the engine has it."""
    return {"patience": header["patience"]} if header.get("patience") else {}


def _header(path: Path) -> tuple[dict[str, Any], str]:
    """The ledger's first line, and what is wrong with it."""
    try:
        with path.open("rb") as file:
            header = json.loads(file.readline())
        if header["kind"] == "header" and isinstance(header["config"], dict):
            return header, ""
    except FileNotFoundError:
        return {}, f"{LEDGER_FILE} is missing"
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return {}, f"the first line of {LEDGER_FILE} cannot be read"


def _end(path: Path) -> tuple[dict[str, Any], int, str]:
    """The ledger's result line (or {}), the step of its last save, and what is wrong with it."""
    try:
        for number, raw in enumerate(lines_backwards(path)):
            try:
                line = json.loads(raw)
                kind = line["kind"]
                if kind == "result":
                    return line, int(line["shown"]["step"]), ""
                if kind == "save":
                    return {}, int(line["step"]), ""
            except (ValueError, KeyError, TypeError):
                # A crash cuts the last line short; a whole line that cannot be read was changed.
                if number or raw.endswith(b"\n"):
                    return {}, 0, f"a line of {LEDGER_FILE} cannot be read"
    except OSError:
        pass
    return {}, 0, ""


def lines_backwards(path: Path) -> Iterator[bytes]:
    """The lines of a file from the last to the first; only as much is read as is asked for."""
    with path.open("rb") as file:
        position = file.seek(0, os.SEEK_END)
        rest = b""
        while position:
            size = min(_BLOCK, position)
            position -= size
            file.seek(position)
            lines = (file.read(size) + rest).splitlines(keepends=True)
            # The first of these may go on in the block before.
            rest = lines[0] if position else b""
            yield from reversed(lines[1:] if position else lines)


def _result(directory: Path, last: Mapping[str, Any]) -> dict[str, Any] | None:
    """The result of a finished run: `result.json` where the ledger vouches for it."""
    if not last:
        return None
    vouched = {"digest": last.get("digest"), "metrics": last.get("metrics")}
    written = read_json(directory / "result.json") or {}
    if all(written.get(name) == value for name, value in vouched.items()):
        return written
    return {**last["shown"], **vouched, "members": last.get("members", ())}


def _population(header: Mapping[str, Any], name: str) -> tuple[int, int, int | None]:
    """First seed, number of seeds, and width (None for a solo run)."""
    found = re.search(r"-s(\d+)(?:\+(\d+)-w(\d+))?", name)
    first, count, width = found.groups() if found else (None, None, None)
    population = header.get("population") or {}
    seed = header.get("seed", first)
    count, width = population.get("seeds", count), population.get("width", width)
    return int(seed or 0), int(count or 1), int(width) if width else None


def result_members(result: Mapping[str, Any], seed: int) -> tuple[Member, ...]:
    """The members of a finished run; a solo run is one member.

    Args:
        result: the content of `result.json`.
        seed: the solo run's seed, where the result does not say.
    """
    rows = result.get("members") or [{"seed": seed, **result}]
    return tuple(
        Member(
            int(row["seed"]),
            row.get("hyperparameters") or {},
            figures_of(row.get("metrics") or {}),
        )
        for row in rows
    )


def _members(figures: Mapping[str, Any], first: int, count: int) -> tuple[Member, ...]:
    """Members from the last figures reported: lists with an entry a member, or one number each."""
    lists = [value for value in figures.values() if isinstance(value, list)]
    if not lists:
        return (Member(first, {}, figures_of(figures)),) if figures else ()
    size, seeds = max(map(len, lists)), max(count, 1)
    # Each variant has all seeds, one after another; which values it has is told at the end.
    members = []
    for at in range(size):
        own = {n: v[at] for n, v in figures.items() if isinstance(v, list) and at < len(v)}
        variant = {} if size <= seeds else {"variant": at // seeds}
        members.append(Member(first + at % seeds, variant, figures_of(own)))
    return tuple(members)


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


def recent_figures(path: Path, size: int = _RECENT) -> dict[int, dict[str, Any]]:
    """Step -> figures of the last lines of `metrics.jsonl`, newest first, within `size` bytes."""
    found: dict[int, dict[str, Any]] = {}
    taken = 0
    try:
        for raw in lines_backwards(path):
            taken += len(raw)
            if taken > size and found:
                break
            try:
                line = json.loads(raw)
                found[int(line.pop("step"))] = line
            except (ValueError, KeyError, TypeError, AttributeError):
                continue
    except OSError:
        pass
    return found


def _latest(recent: Mapping[int, Mapping[str, Any]]) -> dict[str, Any]:
    """The last figure of each name."""
    latest: dict[str, Any] = {}
    for step in sorted(recent):
        latest |= {name: value for name, value in recent[step].items() if value is not None}
    return latest


def _numbered(directory: Path) -> list[int]:
    try:
        return [int(path.name) for path in directory.iterdir() if path.name.isdigit()]
    except OSError:
        return []


def _changed(directory: Path) -> float:
    times = []
    for name in (LEDGER_FILE, "metrics.jsonl", "result.json", "config.json", "."):
        try:
            times.append((directory / name).stat().st_mtime)
        except OSError:
            continue
        if name == "config.json":
            break
    return max(times, default=math.nan)


def size_of(directory: Path) -> int:
    """Bytes of all files below a directory; links are not followed."""
    total, places = 0, [str(directory)]
    while places:
        try:
            with os.scandir(places.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        places.append(entry.path)
                    else:
                        total += entry.stat(follow_symlinks=False).st_size
        except OSError:
            # A run at work prunes its checkpoints under our eyes.
            continue
    return total
