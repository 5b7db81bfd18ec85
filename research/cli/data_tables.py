"""What `data` prints of a source: its files, columns, first examples and what is broken."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

from research.data.columns import Form
from research.data.file_sets.files import Files
from research.data.file_sets.spelling import spell_example, spell_values
from research.data.file_sets.summary import Summary
from research.data.formats.csv_files import CSV
from research.data.formats.format import Forms, forms_to_json
from research.data.formats.writers import spell_form
from research.data.naming import Named
from research.data.tfds_split import TfdsSplit
from research.options.terminal import Column, make_console, print_table, spell_bytes

_FILES = 12
_BROKEN = 20
"""Lines of a table before it is cut."""


def print_data(
    named: Named, forms: Forms, summaries: Mapping[str, Summary], file: TextIO
) -> dict[str, Any]:
    """Print it.

    Returns:
        All of it as JSON values.
    """
    source = named.source
    facts = facts_of(named)
    console = make_console(file)
    files, size = facts["files"], sum(each["bytes"] for each in facts["files"])
    console.print(facts["name"], style="bold")
    how_many = f"{plural(len(source), 'example')} in {plural(len(files), 'file')}"
    console.print(f"{facts['format']}, {how_many}, {spell_bytes(size)}")
    for line in _remarks(named, facts):
        console.print(line)
    console.print()
    shown = files[:_FILES]
    print_table(
        [
            Column("file", _short([each["name"] for each in files])[:_FILES], flexible=True),
            Column("records", [f"{each['records']:,}" for each in shown], right=True),
            Column("size", [spell_bytes(each["bytes"]) for each in shown], right=True),
        ],
        file,
    )
    if len(files) > _FILES:
        console.print(f"and {len(files) - _FILES:,} more")
    console.print()
    rows = [(name, forms[name], summaries[name]) for name in forms]
    missing = [f"{each.missing:,}" if each.missing else "" for *_, each in rows]
    print_table(
        [
            Column("column", [name for name, *_ in rows]),
            Column("type", [spell_form(form) for _, form, _ in rows]),
            *([Column("missing", missing, right=True)] if any(missing) else []),
            Column("values", [spell_values(form, each) for _, form, each in rows]),
            Column("the first", [_first(form, each) for _, form, each in rows], flexible=True),
        ],
        file,
    )
    warnings = [*_outside(named, summaries), *_odd(named, summaries)]
    for warning in warnings:
        console.print(warning, style="yellow", soft_wrap=True)
    _print_broken(facts, file)
    console.print()
    console.print(f"digest  {facts['digest']}", soft_wrap=True)
    columns = {name: _column(form, each) for name, form, each in rows}
    return {**facts, "columns": columns, "warnings": warnings}


def _short(files: Sequence[str]) -> list[str]:
    """Their names without the folder that all are in."""
    if any("://" in file for file in files):
        return list(files)
    above = os.path.commonpath([str(Path(file).parent) for file in files])
    return [os.path.relpath(file, above) for file in files]


def _first(form: Form, summary: Summary) -> str:
    spelled = [spell_example(each) for each in summary.first]
    return " | ".join(dict.fromkeys(spelled) if form.shape else spelled)


def facts_of(named: Named) -> dict[str, Any]:
    """What there is to know of a source without its columns, as JSON values."""
    source = named.source
    facts: dict[str, Any] = {"name": source.name, "examples": len(source)}
    if isinstance(source, Files):
        facts |= {"format": source.format.title, "settings": source.format.settings()}
        sizes = source.sizes
        facts |= {"left_out": source.left_out}
        facts["broken"] = [
            {"file": path, "where": where, "what": what} for path, (where, what) in source.broken
        ]
    else:
        sizes = {path: Path(path).stat().st_size for path in source.records}
        facts |= {"format": "prepared by tfds", "splits": source.splits}
    facts["files"] = [
        {"name": file, "records": records, "bytes": sizes[file]}
        for file, records in source.records.items()
    ]
    return {**facts, "digest": source.digest()}


def _remarks(named: Named, facts: Mapping[str, Any]) -> Iterable[str]:
    if named.manifest:
        shuffle = named.manifest.plan["shuffle"]
        order = "" if shuffle is None else f", in the order of seed {shuffle}"
        yield f"written from {named.manifest.source}{order}; all checksums are right"
    if "splits" in facts:
        splits = ", ".join(f"{name} ({count:,})" for name, count in facts["splits"].items())
        yield f"splits: {splits}"


def _outside(named: Named, summaries: Mapping[str, Summary]) -> list[str]:
    """Warnings about class numbers that are none."""
    warnings = []
    for name, each in summaries.items():
        classes = named.source.class_names(name) if isinstance(named.source, TfdsSplit) else ()
        if classes and each.low is not None and each.high is not None:
            wrong = each.low if each.low < 0 else each.high
            if not 0 <= wrong < len(classes):
                warnings.append(
                    f"column {name!r} holds {wrong}, which is outside its {len(classes)} classes, "
                    f"0 to {len(classes) - 1}"
                )
    return warnings


def _odd(named: Named, summaries: Mapping[str, Summary]) -> list[str]:
    """Warnings about columns of CSV that are text because of a few fields."""
    source, warnings = named.source, []
    if isinstance(source, Files) and isinstance(source.format, CSV):
        for name, each in summaries.items():
            odd, filled = each.no_numbers, len(source) - each.missing
            if odd and 2 * odd.times <= filled:
                warnings.append(
                    f"column {name!r} is read as text, as {odd.times:,} of {filled:,} fields are "
                    f"no numbers; the first is {odd.first[:20]!r} ({source.where(odd.row)})"
                )
    return warnings


def _print_broken(facts: Mapping[str, Any], file: TextIO) -> None:
    if not facts.get("left_out"):
        return
    console = make_console(file)
    console.print()
    what = plural(facts["left_out"], "broken place")
    console.print(f"{what} left out, which is part of the digest", style="yellow")
    for each in facts["broken"][:_BROKEN]:
        console.print(f"  {each['file']}: {each['where']}: {each['what']}", soft_wrap=True)
    if facts["left_out"] > _BROKEN:
        console.print(f"  and {facts['left_out'] - _BROKEN:,} more (--json has the first thousand)")


def _column(form: Form, summary: Summary) -> dict[str, Any]:
    dtype, shape = forms_to_json({"": form})[""]
    facts = {"dtype": dtype, "shape": shape, **summary._asdict()}
    first = [spell_example(each) for each in summary.first]
    counts = summary.counts
    if counts is not None:
        counts = {key.decode(errors="replace") if isinstance(key, bytes) else str(key): count
                  for key, count in counts.items()}  # fmt: skip
    del facts["no_numbers"]
    return {**facts, "counts": counts, "first": first}


def plural(count: int, what: str) -> str:
    """`1 file`, `1,200 files`."""
    return f"{count:,} {what}{'s' * (count != 1)}"
