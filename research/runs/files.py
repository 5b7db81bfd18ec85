"""A run's files, one by one and only as far as is asked for; whatever is damaged says nothing."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from research.engine.directory import CONFIG_FILE, LEDGER_FILE, METRICS_FILE, RESULT_FILE
from research.engine.fingerprint import DIGITS, SLICING
from research.engine.record import read_metrics
from research.runs.run import Provenance, Snapshots

Reports = dict[int, dict[str, Any]]
"""Step -> figures, as JSON values; of a population, lists with an entry a member."""
_BLOCK = 1 << 16
_SEGMENT = b'"segment"'
_RECENT = 1 << 14
"""Bytes at the end of `metrics.jsonl` in which the latest figures of an unfinished run lie."""


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in a file; empty where there is none, or it cannot be read."""
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def read_header(directory: Path) -> tuple[dict[str, Any], str]:
    """The ledger's first line, or {}, and what is wrong with it."""
    try:
        with (directory / LEDGER_FILE).open("rb") as file:
            header = json.loads(file.readline())
        if header["kind"] == "header" and isinstance(header["config"], dict):
            return header, ""
    except FileNotFoundError:
        return {}, f"{LEDGER_FILE} is missing"
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return {}, f"the first line of {LEDGER_FILE} cannot be read"


def read_end(directory: Path) -> tuple[dict[str, Any], str]:
    """The ledger's last line that is of a save or the result, or {}; and what is wrong after it."""
    try:
        for number, raw in enumerate(lines_backwards(directory / LEDGER_FILE)):
            try:
                line = json.loads(raw)
                if line["kind"] == "result":
                    return {**line, "step": int(line["shown"]["step"])}, ""
                if line["kind"] == "save":
                    return {**line, "step": int(line["step"])}, ""
            except (ValueError, KeyError, TypeError):
                # A crash cuts the last line short; a whole line that cannot be read was changed.
                if number or raw.endswith(b"\n"):
                    return {}, f"a line of {LEDGER_FILE} cannot be read"
    except OSError:
        pass
    return {}, ""


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


def read_lines(directory: Path) -> Reports:
    """Every line of `metrics.jsonl` that can be read."""
    try:
        return read_metrics(directory / METRICS_FILE)
    except OSError:
        return {}


def recent_lines(directory: Path, size: int = _RECENT) -> Reports:
    """The last lines of `metrics.jsonl`, ascending, within `size` bytes."""
    found: Reports = {}
    taken = 0
    try:
        for raw in lines_backwards(directory / METRICS_FILE):
            taken += len(raw)
            if taken > size and found:
                break
            try:
                line = json.loads(raw)
                found.setdefault(int(line.pop("step")), line)
            except (ValueError, KeyError, TypeError, AttributeError):
                continue
    except OSError:
        pass
    return dict(sorted(found.items()))


def lines_after(directory: Path, position: int) -> tuple[Reports, int]:
    """The whole lines of `metrics.jsonl` past a place in it, and the place after them."""
    try:
        with (directory / METRICS_FILE).open("rb") as file:
            file.seek(position)
            text = file.read()
    except FileNotFoundError:
        return {}, position
    whole = text[: text.rfind(b"\n") + 1]
    lines = map(json.loads, whole.splitlines())
    return {int(line.pop("step")): line for line in lines}, position + len(whole)


def read_result(directory: Path, word: Mapping[str, Any]) -> tuple[dict[str, Any], bool]:
    """The result of a finished run, and whether `result.json` is what the ledger vouches for.

    Args:
        directory: of the run.
        word: the ledger's result line.

    Returns:
        The file's content where it is that, else what the ledger itself says.
    """
    names = ("digest", "metrics", "sums", "members")
    vouched = {**word["shown"], **{name: word[name] for name in names if name in word}}
    written = read_json(directory / RESULT_FILE)
    true = all(written.get(name) == value for name, value in vouched.items())
    return (written if true else vouched), true


def provenance_of(parts: Iterable[Mapping[str, Any]]) -> Provenance:
    """What made a run, from the contents of its ledger's header and segments, in order."""
    parts = list(parts)
    return Provenance(
        # Ledgers of an older form have whole digests.
        _distinct(
            {path: digest[:DIGITS] for path, digest in (part.get("code") or {}).items()}
            for part in parts
        ),
        _distinct(_without_slicing(part.get("fingerprint") or {}) for part in parts),
        dict(parts[0].get("data") or {}) if parts else {},
    )


def read_provenance(ledger: Path) -> Provenance:
    """What made a run, from its ledger: the first line and the segments; other lines are skipped.

    A line that cannot be read says nothing.
    """
    parts = []
    try:
        with ledger.open("rb") as file:
            for number, raw in enumerate(file):
                if number and _SEGMENT not in raw:
                    continue
                try:
                    line = json.loads(raw)
                    if line["kind"] in ("header", "segment"):
                        parts.append(line)
                except (ValueError, KeyError, TypeError):
                    continue
    except OSError:
        pass
    return provenance_of(parts)


def _without_slicing(entries: Mapping[str, str]) -> dict[str, str]:
    return {n: value for n, value in entries.items() if n not in SLICING}


def _distinct(parts: Iterable[Mapping[str, str]]) -> Snapshots:
    """Snapshots in order, without those that are as the one before."""
    found: list[Mapping[str, str]] = []
    for part in parts:
        if not found or found[-1] != part:
            found.append(dict(part))
    return tuple(found)


def numbered(directory: Path) -> list[int]:
    """The numbers that folders in it are called by, ascending."""
    try:
        return sorted(int(path.name) for path in directory.iterdir() if path.name.isdigit())
    except OSError:
        return []


def changed_at(directory: Path) -> float:
    """When a run's files were last written, seconds since 1970."""
    times = []
    for name in (LEDGER_FILE, METRICS_FILE, RESULT_FILE, CONFIG_FILE, "."):
        try:
            times.append((directory / name).stat().st_mtime)
        except OSError:
            continue
        if name == CONFIG_FILE:
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
