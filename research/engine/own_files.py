"""A user's own files that a run learns from: identified by their content, found by a path.

A config names such a file by a path. What run it is must not depend on how that is spelled: its
content stands in the path's place in the run's identity, and the path that was last used is kept
beside the ledger, where it proves nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from research.engine.durable import write_file
from research.errors import Mistake

FILE = "files.json"
"""In a run's directory: field of the config -> absolute path last used."""
_CONTENT = "content:"


def read_bytes(path: str) -> bytes:
    """The content of a file of one's own.

    Raises:
        Mistake: it cannot be read.
    """
    try:
        return Path(path).read_bytes()
    except OSError as error:
        reason = f"{error.strerror}; the current directory is {Path.cwd()}"
        raise Mistake(f"the file {path} cannot be read: {reason}") from None


def content_of(path: str) -> str:
    """What stands for a file in a run's identity: `content:` and 16 hex digits of SHA-256."""
    return _CONTENT + hashlib.sha256(read_bytes(path)).hexdigest()[:16]


def keep(run: Path, paths: Mapping[str, str]) -> None:
    """Remember where the files lie, for whoever goes on with the run."""
    if paths and _kept(run) != absolute(paths):
        write_file(run / FILE, json.dumps(absolute(paths)) + "\n")


def absolute(paths: Mapping[str, str]) -> dict[str, str]:
    """The paths from the root of the file system on, links as they are."""
    return {name: str(Path(path).absolute()) for name, path in paths.items()}


def _kept(run: Path) -> dict[str, str]:
    try:
        kept = json.loads((run / FILE).read_text())
    except (OSError, ValueError):
        return {}
    return kept if isinstance(kept, dict) else {}


def find(run: Path, config: Mapping[str, Any], given: Mapping[str, str]) -> dict[str, str]:
    """Field -> path of each file that a run learned from, its content being what it was then.

    `given` maps a field to a path that the user named, or "".

    Raises:
        Mistake: a file is not there any more, or has another content.
    """
    found = {}
    for name, value in config.items():
        if not isinstance(value, str) or not value.startswith(_CONTENT):
            continue
        path = given.get(name) or _kept(run).get(name, "")
        if not path or not Path(path).is_file():
            where = f"is no longer at {path}" if path else "has no known place"
            raise Mistake(f"the {name} of this run {where}: {_remedy(name)}")
        if content_of(path) != value:
            raise Mistake(
                f"{path} is not the {name} of this run: its content is another; {_remedy(name)}"
            )
        found[name] = path
    return found


def known_paths(run: Path, config: Mapping[str, Any]) -> dict[str, str]:
    """Field -> the path last used of each such file, whether or not it is there."""
    kept = _kept(run)
    return {n: kept[n] for n, v in config.items() if str(v).startswith(_CONTENT) and n in kept}


def _remedy(name: str) -> str:
    return f"name a file with that content by --{name} PATH"
