"""Where Encore keeps what it can make again: decoded data, compiled programs."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def cache_directory() -> Path:
    """`ENCORE_CACHE_DIR`, or the platform's place for caches.

    A relative path is taken from the working directory.
    """
    if named := os.environ.get("ENCORE_CACHE_DIR"):
        return Path(named).expanduser().absolute()
    if named := os.environ.get("XDG_CACHE_HOME"):
        return Path(named).expanduser().absolute() / "encore"
    above = "~/Library/Caches" if sys.platform == "darwin" else "~/.cache"
    return Path(above).expanduser() / "encore"
