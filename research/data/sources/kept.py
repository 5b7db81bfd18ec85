"""What is found in one pass over a source and kept in the cache from then on, as whole numbers.

<cache>/found/<key>/numbers.bin     int64
                    checksum        SHA-256 of these
"""

from __future__ import annotations

import hashlib
import json
import logging
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from research.data.bar import Bar, Tell
from research.data.formats.format import PART
from research.data.storage import exclusive, publish, workshop
from research.engine.experiment import Source
from research.places import cache_directory

_BLOCK = 1 << 17


def find_once(key: str, find: Callable[[Tell], Iterator[np.ndarray]]) -> np.ndarray:
    """All that `find` gives, int64 `[n]`, from the cache; made and kept there if it is not.

    Where that cannot be, it is made anew. What is there and damaged is made anew, too.

    Args:
        key: changes whenever something else would be found.
        find: some numbers at a time; shows how far it is.
    """
    place = cache_directory() / "found" / hashlib.sha256(key.encode()).hexdigest()
    if (kept := _kept(place)) is not None:
        return kept
    try:
        with exclusive(place.with_suffix(".lock")):
            # Another process may have made it while this one waited.
            if (kept := _kept(place)) is not None:
                return kept
            with workshop(place.parent) as made:
                content = made / "content"
                content.mkdir()
                with (content / "numbers.bin").open("wb") as file:
                    checksum = _write(file, find)
                (content / "checksum").write_text(checksum)
                publish(content, place)
        if (kept := _kept(place)) is not None:
            return kept
    except OSError as error:
        logging.getLogger(__name__).warning("not kept in %s: %s", place, error)
    with tempfile.TemporaryFile() as file:
        _write(file, find)
        file.seek(0)
        return np.frombuffer(file.read(), np.int64)


def find_value_once(key: str, find: Callable[[Tell], Any]) -> Any:
    """As `find_once`, a value of JSON."""

    def spell(tell: Tell) -> Iterator[np.ndarray]:
        text = json.dumps(find(tell)).encode()
        # JSON passes over spaces, which fill the last number.
        yield np.frombuffer(text.ljust(-(-len(text) // 8) * 8), np.int64)

    return json.loads(find_once(key, spell).tobytes())


def in_parts(source: Source, words: str, tell: Tell) -> Iterator[tuple[int, Any]]:
    """(first row, columns) of a source, some examples at a time, in order."""
    for start in range(0, len(source), PART):
        stop = min(start + PART, len(source))
        yield start, source.read(np.arange(start, stop))
        tell(words, stop, len(source))


def _write(file: Any, find: Callable[[Tell], Iterator[np.ndarray]]) -> str:
    state = hashlib.sha256()
    with Bar() as tell:
        for numbers in find(tell):
            block = np.ascontiguousarray(numbers, np.int64).tobytes()
            state.update(block)
            file.write(block)
    return state.hexdigest()


def _kept(place: Path) -> np.ndarray | None:
    """What is there, if it is what it should be."""
    try:
        file = place / "numbers.bin"
        # An empty file cannot be mapped.
        empty = not file.stat().st_size
        numbers = np.empty(0, np.int64) if empty else np.memmap(file, np.int64, "r")
        return numbers if checksum_of(numbers) == (place / "checksum").read_text() else None
    except (OSError, ValueError):
        return None


def checksum_of(numbers: np.ndarray) -> str:
    """SHA-256 (hex) of int64 `[n]`."""
    state = hashlib.sha256()
    for start in range(0, len(numbers), _BLOCK):
        state.update(np.ascontiguousarray(numbers[start : start + _BLOCK]).tobytes())
    return state.hexdigest()
