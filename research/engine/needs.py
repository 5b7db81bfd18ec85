"""Needs: what using a model takes beside its state, kept in its run's directory, `needs.json`.

A vocabulary, for example: its indices mean nothing without it. It is written when the run begins,
and its digest stands in the ledger's header.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from research.engine.durable import write_file
from research.errors import Damaged

if TYPE_CHECKING:
    from research.engine.experiment import Needs
    from research.engine.record import Observer

FILE = "needs.json"


def spell(needs: Needs) -> bytes:
    """The content of the file."""
    return json.dumps(needs, sort_keys=True).encode() + b"\n"


def digest(needs: Needs) -> str:
    """SHA-256 (hex) of the file's content."""
    return hashlib.sha256(spell(needs)).hexdigest()


def keep(run: Path, needs: Needs) -> str:
    """Write the file durably; returns the digest that is to stand in the header."""
    write_file(run / FILE, spell(needs))
    return digest(needs)


def is_whole(run: Path, header: Mapping[str, Any]) -> bool:
    """Whether the file is what the header says; a run that has none is."""
    if "needs" not in header:
        return True
    try:
        return hashlib.sha256((run / FILE).read_bytes()).hexdigest() == header["needs"]
    except OSError:
        return False


def read(run: Path, header: Mapping[str, Any]) -> Needs | None:
    """What a run kept; None where its experiment needs nothing, or it was made before runs did.

    Raises:
        Damaged: the file is missing, or is not what the header says.
    """
    if "needs" not in header:
        return None
    if not is_whole(run, header):
        raise Damaged(
            f"{run / FILE} is missing or damaged, and without it the model's numbers have no "
            f"meaning: `python launch.py resume {run}` makes it again from the data"
        )
    needs: Needs = json.loads((run / FILE).read_bytes())
    return needs


def restore(run: Path, header: Mapping[str, Any], needs: Needs | None, observer: Observer) -> None:
    """Write the file anew where it is missing or damaged.

    `needs` is what the experiment makes of the run's data now.
    """
    if is_whole(run, header):
        return
    if needs is None or digest(needs) != header["needs"]:
        observer.note(f"{FILE} is missing or damaged, and this code makes another: it is left so")
        return
    keep(run, needs)
    observer.note(f"{FILE} was missing or changed: written anew from the data")
