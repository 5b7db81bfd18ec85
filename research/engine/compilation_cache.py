"""Compiled programs kept on disk, so that a second launch compiles nothing.

JAX's own persistent cache decides what a program's key is and turns programs into bytes. What it
leaves open is done here: its key does not notice the size of the CPU pool, nor the CPU that code
was made for; it reads a damaged entry as it stands and never replaces it; and its files are
unbounded, or need a lock that all processes wait for.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import jax

# JAX has no public door for another store behind its cache.
from jax._src import compilation_cache as jax_cache
from jax._src.compilation_cache_interface import CacheInterface

from research.engine.durable import write_file
from research.engine.fingerprint import SLICING, fingerprint
from research.errors import Mistake
from research.places import at_home, cache_directory

MOST_BYTES = 512 * 2**20
"""All entries together; the ones that were not used for longest make room."""
LEAST_SECONDS = 0.05
"""What compiles faster than this is not kept: single operations, of which there are thousands.

Where the environment variable of JAX's own setting is set, it decides.
"""
_SUFFIX = ".program"
_DIGEST_BYTES = 32


class Usage(NamedTuple):
    """What a cache holds: how many entries, and how many bytes they have together."""

    entries: int
    size: int


def place() -> Path:
    """Where compiled programs are kept: `JAX_COMPILATION_CACHE_DIR`, or in Encore's cache.

    There it is a folder of this user's own: whoever can write an entry can have code run.

    Raises:
        Mistake: this user has no home directory, and no other place is named.
    """
    if named := os.environ.get("JAX_COMPILATION_CACHE_DIR"):
        return at_home(Path(named), "JAX_COMPILATION_CACHE_DIR").absolute()
    return cache_directory() / f"compiled-{os.getuid()}"


def kind(prints: Mapping[str, str]) -> str:
    """The folder of an environment's programs: a digest of its fingerprint, without slicing."""
    apart = {name: value for name, value in prints.items() if name not in SLICING}
    return hashlib.sha256(json.dumps(apart, sort_keys=True).encode()).hexdigest()[:16]


def enable(note: Callable[[str], None]) -> None:
    """Keep what is compiled from now on, and use what was kept before.

    Starts no backend: which environment this is, is asked when the first program is compiled.
    Where `JAX_ENABLE_COMPILATION_CACHE` is false, nothing is kept and nothing is read.

    `note` gets a sentence where the cache is damaged or cannot be used.
    """
    if jax.config.jax_enable_compilation_cache:  # type: ignore[attr-defined]
        try:
            above = place()
            if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
                _make_own(above)
        except (OSError, Mistake) as error:
            note(f"compiled programs are not kept: {error}")
            jax.config.update("jax_enable_compilation_cache", False)
            return

        def open_entries(path: str) -> tuple[Entries, str]:
            return Entries(Path(path) / kind(fingerprint()), note), path

        jax_cache.get_file_cache = open_entries
        settings: dict[str, str | float] = {
            "jax_compilation_cache_dir": str(above),
            # Files of XLA's own would be neither bounded nor checked, and their path is in the key.
            "jax_persistent_cache_enable_xla_caches": "",
        }
        if "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS" not in os.environ:
            settings["jax_persistent_cache_min_compile_time_secs"] = LEAST_SECONDS
        for name, value in settings.items():
            jax.config.update(name, value)
        jax_cache.reset_cache()


def usage(above: Path) -> Usage:
    """What the cache of all environments holds."""
    sizes = [found.size for found in _entries(above)]
    return Usage(len(sizes), sum(sizes))


def clear(above: Path) -> Usage:
    """Remove all entries of all environments; what there was."""
    before = usage(above)
    for pattern in (f"*/*{_SUFFIX}", f"*/.*{_SUFFIX}.*.part"):
        for path in above.glob(pattern):
            path.unlink(missing_ok=True)
    for folder in above.glob("*"):
        with contextlib.suppress(OSError):  # it holds something else, or is no folder
            folder.rmdir()
    return before


class Entries(CacheInterface):
    """Entries of one environment, each a file that begins with the digest of its key and content.

    Any number of processes may use it at once: an entry appears under its name when it is whole.

    `most_bytes` is of all environments together.
    """

    def __init__(
        self, folder: Path, note: Callable[[str], None], most_bytes: int = MOST_BYTES
    ) -> None:
        self._path = folder
        self._note = note
        self._most_bytes = most_bytes
        self._writes = True

    def get(self, key: str) -> bytes | None:
        """The content of an entry; None where there is none, or none that is whole."""
        path = self._file(key)
        try:
            found = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            self._stop_writing(error)
            return None
        value = found[_DIGEST_BYTES:]
        if found[:_DIGEST_BYTES] != _digest(key, value):
            self._note(f"a compiled program was damaged on disk and is compiled anew: {path}")
            with contextlib.suppress(OSError):
                path.unlink()
            return None
        with contextlib.suppress(OSError):
            os.utime(path)
        return value

    def put(self, key: str, value: bytes) -> None:
        """Keep an entry, in place of one that there may be."""
        if not self._writes:
            return
        try:
            self._path.mkdir(parents=True, exist_ok=True)
            write_file(self._file(key), _digest(key, value) + value)
            self._make_room()
        except OSError as error:
            self._stop_writing(error)

    def _file(self, key: str) -> Path:
        return self._path / f"{key}{_SUFFIX}"

    def _stop_writing(self, error: OSError) -> None:
        if self._writes:
            self._writes = False
            self._note(
                f"compiled programs cannot be kept, and are compiled at each launch: {error}"
            )

    def _make_room(self) -> None:
        found = sorted(_entries(self._path.parent), key=lambda entry: entry.used)
        size = sum(entry.size for entry in found)
        for entry in found:
            if size <= self._most_bytes:
                break
            entry.path.unlink(missing_ok=True)
            size -= entry.size


class _Entry(NamedTuple):
    path: Path
    used: float
    size: int


def _entries(above: Path) -> Iterator[_Entry]:
    for path in above.glob(f"*/*{_SUFFIX}"):
        with contextlib.suppress(FileNotFoundError):  # another process has made room
            status = path.stat()
            yield _Entry(path, status.st_mtime, status.st_size)


def _digest(key: str, value: bytes) -> bytes:
    return hashlib.sha256(key.encode() + b"\0" + value).digest()


def _make_own(above: Path) -> None:
    """Make the folder for this user alone.

    Raises:
        OSError: it cannot be made, or is somebody else's.
    """
    above.mkdir(mode=0o700, parents=True, exist_ok=True)
    if above.stat().st_uid != os.geteuid():
        raise PermissionError(f"{above} belongs to another user")
