"""Files as they are read: on this machine, uncompressed, text in UTF-8.

What is compressed, in another encoding or elsewhere has no random access. It is copied once into
the cache, as long as the original is what it was. A run's identity is the digest of all it reads,
so that nothing is read for this that would not have been read anyway.

    <cache>/files/plain/<digest of path, size, time of change and encoding>/content
"""

from __future__ import annotations

import codecs
import gzip
import hashlib
import json
import shutil
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from research.data.file_sets.shards import Shard, file_system
from research.data.formats.format import Format
from research.data.storage import exclusive, publish, workshop
from research.errors import Damaged, Mistake
from research.places import cache_directory

Tell = Callable[[str, int, int], None]
"""(words, bytes done, bytes in all): shows how far something is."""

_BLOCK = 1 << 20
_BOMS = ((codecs.BOM_UTF8, ""), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


def plain_file(shard: Shard, format: Format, tell: Tell) -> Path:
    """The file itself where it can be read as it is, else its copy in the cache, made if needed.

    Raises:
        Mistake: the cache has no room, a URL cannot be read, or the encoding is another.
        Damaged: it cannot be decompressed, or is not text of its encoding.
    """
    head = head_of(shard)
    packed = format.is_gzip(shard.name, head)
    if not (shard.remote or packed or _is_recoded(format.encoding)):
        _require_no_other_encoding(shard, head, format.encoding)
        return Path(shard.name)
    key = hashlib.sha256(json.dumps([*shard, packed, format.encoding]).encode()).hexdigest()
    place = cache_directory() / "files" / "plain" / key
    if _is_whole(place):
        return place / "content"
    try:
        with exclusive(place.with_suffix(".lock")):
            if not _is_whole(place):
                with workshop(place.parent) as made:
                    _copy(shard, packed, format.encoding, made / "copy", tell)
                    publish(made / "copy", place)
    except OSError as error:
        raise Mistake(
            f"{shard.name} is {'compressed' if packed else 'not read where it is'}, and its copy "
            f"cannot be kept in ENCORE_CACHE_DIR ({cache_directory()}): {error.strerror or error}. "
            "Set ENCORE_CACHE_DIR to a folder that can be written and has room."
        ) from None
    return place / "content"


def _is_whole(place: Path) -> bool:
    """Whether the copy is there, and as long as it was made."""
    try:
        return (place / "content").stat().st_size == int((place / "size").read_text())
    except (OSError, ValueError):
        return False


def _is_recoded(encoding: str) -> bool:
    return bool(encoding) and codecs.lookup(encoding).name not in ("utf-8", "ascii")


def head_of(shard: Shard, count: int = 64) -> bytes:
    """The first bytes of a file, as it is.

    Raises:
        Mistake: it cannot be read.
    """
    try:
        with _open(shard) as file:
            return bytes(file.read(count))
    except OSError as error:
        raise Mistake(f"{shard.name} cannot be read: {error.strerror or error}") from None


def _open(shard: Shard) -> Any:
    if not shard.remote:
        return Path(shard.name).open("rb")
    files, path = file_system(shard.name)
    try:
        return files.open(path, "rb")
    except OSError:
        raise
    except Exception as error:
        raise Mistake(f"{shard.name} cannot be read: {error}") from None


def _copy(shard: Shard, packed: bool, encoding: str, place: Path, tell: Tell) -> None:
    place.mkdir()
    copy = place / "content"
    with _open(shard) as raw, copy.open("wb") as target:
        source = _Counted(raw, lambda done: tell(f"copying {shard.name}", done, shard.size))
        if packed:
            _inflate(shard, source, target)
        else:
            shutil.copyfileobj(source, target, _BLOCK)
        if shard.size and source.done != shard.size:
            raise Damaged(
                f"{shard.name} has {source.done:,} bytes, not the {shard.size:,} that it had a "
                "moment ago. Give the same command again when it is complete."
            )
    with copy.open("rb") as file:
        _require_no_other_encoding(shard, file.read(4), encoding)
    if _is_recoded(encoding):
        _recode(shard, copy, encoding)
    (place / "size").write_text(str(copy.stat().st_size))


class _Counted:
    """A file that tells how much of it was read."""

    def __init__(self, file: Any, tell: Callable[[int], None]) -> None:
        self._file = file
        self._tell = tell
        self.done = 0

    def read(self, count: int = -1) -> bytes:
        block = self._file.read(count)
        self.done += len(block)
        self._tell(self.done)
        return block


def _inflate(shard: Shard, source: _Counted, target: BinaryIO) -> None:
    try:
        with gzip.GzipFile(fileobj=source) as inflated:  # type: ignore[call-overload]
            shutil.copyfileobj(inflated, target, _BLOCK)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise Damaged(
            f"{shard.name} cannot be decompressed: {error}, within its first {source.done:,} bytes "
            f"of {shard.size:,}. Get the file anew; nothing behind a fault in a gzip file can be "
            "trusted, so such a file cannot be skipped in part."
        ) from None


def _recode(shard: Shard, copy: Path, encoding: str) -> None:
    decoder = codecs.getincrementaldecoder(encoding)()
    recoded, done = copy.with_name("recoded"), 0
    with copy.open("rb") as file, recoded.open("wb") as target:
        try:
            while block := file.read(_BLOCK):
                target.write(decoder.decode(block).encode())
                done += len(block)
            target.write(decoder.decode(b"", final=True).encode())
        except UnicodeError as error:
            raise Damaged(
                f"{shard.name} is not text in {encoding}, from about byte {done:,} on: {error}. "
                "Name the encoding that it is in (encoding=...), or correct the file."
            ) from None
    recoded.replace(copy)


def _require_no_other_encoding(shard: Shard, head: bytes, encoding: str) -> None:
    for bom, name in _BOMS:
        if encoding and name and head.startswith(bom) and not _is_recoded(encoding):
            raise Mistake(f"{shard.name} is text in {name}: name it (encoding={name!r})")
