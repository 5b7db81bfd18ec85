"""Where Encore keeps what it can make again: decoded data, compiled programs."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from research.errors import Mistake


def cache_directory() -> Path:
    """Where Encore keeps what it can make again: `ENCORE_CACHE_DIR`, or the platform's place.

    Raises:
        Mistake: it is in a home folder, and which that is cannot be known.
    """
    variable = "ENCORE_CACHE_DIR"
    if named := os.environ.get(variable):
        return at_home(Path(named), variable).absolute()
    if named := os.environ.get("XDG_CACHE_HOME"):
        return at_home(Path(named), variable).absolute() / "encore"
    above = Path("~/Library/Caches" if sys.platform == "darwin" else "~/.cache")
    return at_home(above, variable) / "encore"


def at_home(path: Path, variable: str) -> Path:
    """The path with `~` replaced.

    Raises:
        Mistake: in a container HOME may not be set, and the user may have no entry.
    """
    try:
        return path.expanduser()
    except RuntimeError:
        raise Mistake(
            f"{path}: there is no such home folder (HOME is {os.environ.get('HOME', 'not set')}, "
            f"the user is number {os.getuid()}): set {variable} to a folder, or set HOME"
        ) from None
