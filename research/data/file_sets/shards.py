"""The files of a data set: found by path, glob or URL, in a fixed order."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from research.errors import Damaged, Mistake

_MAGIC = "*?["


class Shard(NamedTuple):
    """A file of a data set.

    Attributes:
        name: its absolute path, or its URL.
        size: in bytes.
        changed: what is another when the file is: when it was last changed, or a server's tag.
        remote: whether it is read through fsspec.
    """

    name: str
    size: int
    changed: str
    remote: bool = False


def find_shards(paths: Iterable[str]) -> list[Shard]:
    """The files that paths, globs (`**` too) and URLs name, sorted within each of these.

    Raises:
        Mistake: there is none, it is a folder, one is named twice, or it cannot be looked at.
    """
    shards = [shard for path in paths for shard in (_remote if "://" in path else _local)(path)]
    if not shards:
        raise Mistake("no file is named; give a path, a pattern like data/train-*.csv, or a URL")
    places: dict[str, str] = {}
    for shard in shards:
        place = shard.name if shard.remote else os.path.realpath(shard.name)
        if place in places:
            raise Mistake(
                f"{shard.name} is named twice (also as {places[place]}): its records would count "
                "double. Name each file once."
            )
        places[place] = shard.name
    return shards


def _local(path: str) -> list[Shard]:
    whole = Path(path).expanduser().absolute()
    if not whole.exists() and any(sign in path for sign in _MAGIC):
        above = _fixed_part(whole)
        found = [each for each in above.glob(str(whole.relative_to(above))) if not each.is_dir()]
        if not found:
            raise Mistake(f"no file matches {path} (looked in {above})")
        return [_facts(each) for each in sorted(found)]
    return [_facts(whole)]


def _fixed_part(pattern: Path) -> Path:
    """The folder above the first part of a path that is a pattern."""
    parts = pattern.parts
    first = next(at for at, part in enumerate(parts) if any(sign in part for sign in _MAGIC))
    return Path(*parts[:first])


def _facts(path: Path) -> Shard:
    try:
        facts = path.stat()
        if stat.S_ISDIR(facts.st_mode):
            inside = f"{path}/*"
            raise Mistake(f"{path} is a folder; name its files, for example by {inside!r}")
        if not stat.S_ISREG(facts.st_mode):
            raise Mistake(f"{path} is no file (a pipe or a device has no records to go back to)")
    except FileNotFoundError:
        raise Mistake(f"there is no file {path}") from None
    except OSError as error:
        raise Mistake(f"{path} cannot be read: {error.strerror}") from None
    return Shard(str(path), facts.st_size, str(facts.st_mtime_ns))


def require_unchanged(shard: Shard) -> None:
    """Compare a file of this machine with what it was when its index was made.

    Raises:
        Damaged: it is another now, or gone.
    """
    if shard.remote:
        return
    try:
        facts = Path(shard.name).stat()
    except OSError as error:
        raise Damaged(
            f"{shard.name} cannot be read any more: {error.strerror}. Put it back, and give the "
            "same command again."
        ) from None
    if (facts.st_size, str(facts.st_mtime_ns)) != (shard.size, shard.changed):
        raise Damaged(
            f"{shard.name} has changed since it was opened. Put it back as it was, or start anew: "
            "what was trained so far was trained on other data."
        )


def file_system(url: str) -> tuple[Any, str]:
    """The file system that fsspec has for a URL, and the path in it.

    Raises:
        Mistake: fsspec or what it needs for this protocol is not installed.
    """
    try:
        import fsspec
    except ImportError:
        raise Mistake(f"{url}: URLs need the package fsspec: pip install fsspec") from None
    try:
        return fsspec.core.url_to_fs(url)
    except (ImportError, ValueError) as error:
        raise Mistake(f"{url} cannot be opened: {error}") from None


def _remote(url: str) -> list[Shard]:
    files, path = file_system(url)
    try:
        names = [path]
        if any(sign in path for sign in "*["):  # ? is part of a URL's query
            names = sorted(name for name in files.glob(path) if not files.isdir(name))
            if not names:
                raise Mistake(f"no file matches {url}")
        return [_remote_facts(files, name) for name in names]
    except FileNotFoundError:
        raise Mistake(f"there is no file {url}") from None
    except Mistake:
        raise
    except Exception as error:  # each file system has errors of its own
        raise Mistake(f"{url} cannot be reached: {_short(error)}") from None


def _remote_facts(files: Any, name: str) -> Shard:
    facts = files.info(name)
    url = files.unstrip_protocol(name)
    if facts.get("type") == "directory":
        raise Mistake(f"{url} is a folder; name its files, for example by '{url}/*'")
    marks = ("ETag", "etag", "mtime", "LastModified", "last_modified", "created", "md5Hash")
    changed = {mark: str(facts[mark]) for mark in marks if facts.get(mark) is not None}
    return Shard(url, int(facts.get("size") or 0), str(sorted(changed.items())), remote=True)


def _short(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]
