"""What a run's directory is where it is no run under its own name: a link, a copy, renamed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from research.cli.runs import LEDGER_FILE, own_name, read_header

_ASIDE = re.compile(r"\.aside-\d+$")


class Standing(NamedTuple):
    """What a directory is to another one.

    Attributes:
        words: `a link to ...`, `a copy of ...`; "" where it is a run under its own name.
        again: whether it is another run of the same folder once more, by a link.
    """

    words: str = ""
    again: bool = False


def is_aside(name: str) -> bool:
    """Whether a run of that name was put aside by `--restart`."""
    return _ASIDE.search(name) is not None


def standing_of(run: Path, runs_dir: Path) -> Standing:
    """What a run's directory is; nothing but first lines of ledgers is read."""
    try:
        place = run.relative_to(runs_dir)
    except ValueError:
        # Named by a path of its own: its last parts are experiment and name.
        runs_dir, place = (
            run.parents[2] if len(run.parts) > 3 else run.parent,
            Path(*run.parts[-3:]),
        )
    real, above = run.resolve(), runs_dir.resolve()
    if real != above / place:
        inside = real.is_relative_to(above)
        return Standing(f"a link to {real.relative_to(above) if inside else real}", inside)
    name = own_name(read_header(run))
    own = Path(name)
    if not name or own == place or is_aside(run.name):
        return Standing()
    first = _first_line(runs_dir / own)
    if first and first == _first_line(run):
        return Standing(f"a copy of {name}")
    return Standing(f"renamed: its own name is {name}")


def _first_line(run: Path) -> bytes:
    try:
        with (run / LEDGER_FILE).open("rb") as file:
            return file.readline()
    except OSError:
        return b""
