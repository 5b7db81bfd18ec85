"""A page of graphs: programs before and after, as one HTML file that needs nothing else."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from research.graphs.sheets import Sheets
from research.report import graphs, page

_HERE = Path(__file__).parent


class Stage(NamedTuple):
    """One of the forms that a program takes on its way to the machine.

    Attributes:
        name: `traced`, `pruned` or `compiled`.
        note: a sentence on what is seen.
        sheet: the number of its first sheet.
    """

    name: str
    note: str
    sheet: int


class Program(NamedTuple):
    """A program in all its forms.

    Attributes:
        name: `update`.
        note: a sentence on what it is.
        stages: at least one.
        totals: rows: what is counted, and its number for each stage, "" where there is none.
        remarks: sentences under the table.
    """

    name: str
    note: str
    stages: tuple[Stage, ...]
    totals: tuple[tuple[str, tuple[str, ...]], ...]
    remarks: tuple[str, ...] = ()


def render(title: str, summary: str, programs: Sequence[Program], sheets: Sheets) -> str:
    """The page as HTML; the same programs always give the same text."""
    data: Mapping[str, Any] = {
        "line": graphs.LINE,
        "pad": graphs.PAD,
        "arrow": graphs.ARROW,
        "programs": [
            {**program._asdict(), "stages": [stage._asdict() for stage in program.stages]}
            for program in programs
        ],
        "sheets": sheets.made,
    }
    spelled = json.dumps(data, separators=(",", ":"), allow_nan=False).encode()
    packed = base64.b64encode(gzip.compress(spelled, 9, mtime=0)).decode()
    script = (_HERE / "graph.js").read_text()
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    style = (Path(page.__file__).parent / "style.css").read_text()
    style += (_HERE / "graph.css").read_text()
    return (
        page.environment(_HERE)
        .get_template("graph.html")
        .render(
            title=title,
            summary=summary,
            style=style,
            script=script,
            script_digest=digest,
            data=packed,
        )
    )
