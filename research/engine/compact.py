"""Compaction: a ledger of the old form, whose saves name every leaf, in the compact one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from research.engine import ledger
from research.engine.digests import LeafRecord, shortened
from research.engine.directory import LEDGER_FILE, hold
from research.engine.durable import write_file
from research.engine.fingerprint import DIGITS
from research.engine.ledger import (
    Ledger,
    figure_names,
    read_leaves,
    spell_reports,
    spell_short,
    table_of,
)
from research.errors import Damaged

ORIGIN = "compacted_from"
"""The header's field with the digest of the last line that was rewritten: it names the old file."""


class Compacted(NamedTuple):
    """Bytes of a ledger before and after; the same where it was compact already."""

    before: int
    after: int


def compact(directory: Path) -> Compacted:
    """Rewrite a run's ledger in the compact form, and check it against the old chain.

    The old file is replaced only after the new one was read again and has the same saves, reports
    and result. Digests of leaves are cut to what the compact form keeps.

    Raises:
        Damaged: the old chain is not whole, or the new file has another content.
        Mistake: a process is at work in the run.
    """
    path = directory / LEDGER_FILE
    with hold(directory):
        opened = ledger.read(path)
        if opened.broken or not opened.lines:
            raise Damaged(f"{path} is damaged: {opened.broken or 'it is empty'}")
        before = path.stat().st_size
        if not any(isinstance(content["leaves"], dict) for content in opened.of_kind("save")):
            return Compacted(before, before)
        made = spell_compact(opened)
        part = path.with_name(f".{path.name}.compact.part")
        try:
            write_file(part, made)
            _check(opened, ledger.read(part))
        finally:
            part.unlink(missing_ok=True)
        write_file(path, made)
    return Compacted(before, len(made))


def spell_compact(opened: Ledger) -> bytes:
    """The lines of a ledger in the compact form, chained anew; the header names the old chain."""
    chain, spelled = ledger.FIRST, []
    table: dict[str, Any] | None = None
    names: list[str] = []

    def append(kind: str, content: dict[str, Any]) -> None:
        nonlocal chain
        raw, chain = ledger.spell(kind, content, chain)
        spelled.append(raw)

    for line in opened.lines:
        content = dict(line.content)
        if line.kind == "header":
            content[ORIGIN] = opened.lines[-1].digest
        if "code" in content:
            content["code"] = {name: digest[:DIGITS] for name, digest in content["code"].items()}
        if line.kind == "save" and isinstance(content["leaves"], dict):
            records = {
                name: LeafRecord(sha256, dtype, tuple(shape))
                for name, (sha256, dtype, shape) in content["leaves"].items()
            }
            if (own := table_of(records)) != table:
                append("leaves", own)
                table = own
            content["leaves"] = spell_short(records)
            own_figures = content.pop("metrics")
            reports = {int(step): figures for step, figures in content.pop("reports").items()}
            reports |= {int(content["step"]): own_figures} if own_figures else {}
            if (known := figure_names(names, reports)) != names:
                append("figures", {"names": known})
                names = known
            content["figures"] = spell_reports(names, reports)
        append(line.kind, content)
    return b"".join(spelled)


def _but_code(content: Mapping[str, Any]) -> dict[str, Any]:
    """A line's content with short digests of code, and without its origin."""
    code = {name: digest[:DIGITS] for name, digest in content.get("code", {}).items()}
    return {name: value for name, value in content.items() if name != ORIGIN} | {"code": code}


def _check(old: Ledger, new: Ledger) -> None:
    """Refuse a rewritten ledger of another content.

    Raises:
        Damaged: with the first thing that differs.
    """
    if new.broken or new.header.get(ORIGIN) != old.lines[-1].digest:
        raise Damaged(f"the compact form of {old.path} is not whole: {new.broken or 'no origin'}")
    for kind in ("header", "segment", "result"):
        before, after = (list(map(_but_code, one.of_kind(kind))) for one in (old, new))
        if before != after:
            raise Damaged(f"the compact form of {old.path} has another {kind}")
    if old.reports() != new.reports():
        raise Damaged(f"the compact form of {old.path} has other figures")
    saves = new.saves()
    if list(saves) != list(old.saves()):
        raise Damaged(f"the compact form of {old.path} has other saves")
    for step, save in old.saves().items():
        same = all(save.get(name) == saves[step].get(name) for name in ("digest", "members"))
        if not same or shortened(read_leaves(save)) != read_leaves(saves[step]):
            raise Damaged(f"the compact form of {old.path} has another save of step {step}")
