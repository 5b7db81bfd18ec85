"""Messages and exit codes for errors of the system, of memory and of JAX."""

from __future__ import annotations

import errno
import os
import resource
import traceback
from pathlib import Path

from research.engine.durable import NO_SPACE
from research.errors import Exit

_NOT_ALLOWED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_NO_FILES = frozenset({errno.EMFILE, errno.ENFILE})
_FAILING = frozenset({errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.ENXIO, errno.ENODEV})
_WAY = frozenset({errno.ENOENT, errno.ENOTDIR, errno.EEXIST, errno.EISDIR, errno.ELOOP})
_STAYS = "what was saved stays"
SMALLER = (
    "make smaller what lies there at once: --batch-size or its like, the net, the members that are "
    "trained together (--width), --data streamed for the data"
)


def explain(error: Exception) -> tuple[str, Exit] | None:
    """One message for an error that is no bug, with what to do, and the exit code; else None."""
    if isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in str(error):
        return _of_memory(error)
    if isinstance(error, OSError):
        return _of_file(error)
    if isinstance(error, RuntimeError) and "can't start new thread" in str(error):
        return (
            f"no further thread can be started: raise the limit (`ulimit -u`); {_STAYS}",
            Exit.STOPPED,
        )
    return _of_backend(error)


def _of_memory(error: Exception) -> tuple[str, Exit]:
    first = (str(error).splitlines() or [""])[0].removeprefix("RESOURCE_EXHAUSTED:").strip(" .")
    what = f" ({first})" if first else ""
    return f"out of memory{what}: {SMALLER}; {_STAYS}", Exit.DIVERGED


def _of_file(error: OSError) -> tuple[str, Exit]:
    path = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else ""
    where = f" ({path})" if path else ""
    why = error.strerror or str(error) or type(error).__name__
    if error.errno in NO_SPACE:
        return (
            f"there is no room to write{where}: {why}; {_STAYS}: make room, and the same command "
            "continues",
            Exit.STOPPED,
        )
    if error.errno == errno.ENOMEM:
        return _of_memory(error)
    if error.errno in _NOT_ALLOWED:
        return f"not allowed{where}: {why}; check its owner and mode", Exit.MISTAKE
    if error.errno in _NO_FILES:
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        return (
            f"too many open files{where}: raise the limit, which is {limit} (`ulimit -n 4096`)",
            Exit.MISTAKE,
        )
    if error.errno in _FAILING:
        return (
            f"the disk or the network share fails{where}: {why}; {_STAYS}: once it is mended, the "
            "same command continues",
            Exit.STOPPED,
        )
    if error.errno == errno.ENAMETOOLONG:
        return f"a name is too long{where}: choose a shorter one", Exit.MISTAKE
    if path and error.errno in _WAY:
        return f"{_in_the_way(Path(path))}; give another path, or move what is there", Exit.MISTAKE
    if path:
        return f"{path} cannot be used: {why}; give another path", Exit.MISTAKE
    return f"the system refused: {why}; {_STAYS}", Exit.STOPPED


def _in_the_way(path: Path) -> str:
    """What stands where something else was to be: the first part of the path that is no folder."""
    for part in (*reversed(path.parents), path):
        if part.is_symlink():
            try:
                part.stat()
            except OSError as error:
                ends = "in a circle" if error.errno == errno.ELOOP else "nowhere"
                return f"{part} is a link that leads {ends} (to {part.readlink()})"
        if part.exists() and not part.is_dir():
            wanted = "there already" if part == path else "where a folder is wanted"
            return f"{part} is a file, {wanted}"
        if not part.exists():
            return f"there is no {part}"
    return f"{path} is a folder, and a file is wanted"


def _of_backend(error: Exception) -> tuple[str, Exit] | None:
    """JAX found none of the devices that it was to use."""
    frames = traceback.extract_tb(error.__traceback__)
    if not frames or Path(frames[-1].filename).name != "xla_bridge.py":
        return None
    asked = os.environ.get("JAX_PLATFORMS", "")
    words = str(error).partition(" (set JAX_PLATFORMS")[0]
    why = f" ({words})" if words else ""
    if not asked:
        return f"JAX finds no device to compute on{why}", Exit.MISTAKE
    return (
        f"JAX finds no device of JAX_PLATFORMS={asked}{why}: unset JAX_PLATFORMS, or set it to cpu",
        Exit.MISTAKE,
    )
