"""Text files whose lines are the examples."""

from __future__ import annotations

import codecs
import dataclasses
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from research.data.columns import Columns, as_objects
from research.data.formats.format import TEXT, Forms, Found, KeptDecoded, Unreadable
from research.data.formats.spans import read_spans

_BLOCK = 1 << 20


@dataclasses.dataclass(frozen=True)
class Lines:
    """Text, a line an example; an empty line is an empty text. Compressed files are recognised.

    Attributes:
        column: what the texts are called: UTF-8, without the line's end (LF or CR LF).
        encoding: that of the files. Another than UTF-8 is rewritten once, into the cache.
    """

    column: str = "text"
    encoding: str = "utf-8"

    title = "text lines"
    by_number = False
    kept_decoded: KeptDecoded = "never"

    def __post_init__(self) -> None:
        require_encoding(self.encoding)

    def settings(self) -> dict[str, Any]:
        """As `Format.settings`."""
        return {"column": self.column, "encoding": codecs.lookup(self.encoding).name}

    def is_gzip(self, name: str, head: bytes) -> bool:
        """As `Format.is_gzip`: no text begins like that."""
        return head[:2] == b"\x1f\x8b"

    def scan(self, path: Path) -> Iterator[Found]:
        """As `Format.scan`."""
        with path.open("rb") as file:
            at = start = after_mark(file.read(3))
            file.seek(at)
            while block := file.read(_BLOCK):
                ends = at + np.flatnonzero(np.frombuffer(block, np.uint8) == ord("\n"))
                at += len(block)
                if len(ends):
                    starts = np.concatenate([[start], ends[:-1] + 1])
                    yield Found(np.stack([starts, ends - starts], axis=1), [], at)
                    start = int(ends[-1]) + 1
        if start < at:  # the last line has no end
            yield Found(np.array([[start, at - start]]), [], at)

    def infer(self, path: Path, positions: Iterable[np.ndarray]) -> Forms:
        """As `Format.infer`."""
        return {self.column: TEXT}

    def decode(self, path: Path, positions: np.ndarray, forms: Forms) -> Columns:
        """As `Format.decode`."""
        lines = [line.removesuffix(b"\r") for line in read_spans(path, *positions.T)]
        for line in lines:
            require_utf8(line)
        return {self.column: as_objects(lines)}

    def where(self, path: Path, position: np.ndarray) -> str:
        """As `Format.where`."""
        return line_at(path, int(position[0]))


def require_encoding(encoding: str) -> None:
    """Raise a ValueError where Python knows no such encoding of text."""
    try:
        codecs.lookup(encoding)
        codecs.getincrementaldecoder(encoding)
    except LookupError:
        raise ValueError(f"there is no encoding {encoding!r}; say utf-8, latin-1, cp1252") from None


def after_mark(head: bytes) -> int:
    """Where a text begins: behind a byte order mark, if it has one."""
    return len(codecs.BOM_UTF8) if head.startswith(codecs.BOM_UTF8) else 0


def require_utf8(text: bytes) -> None:
    """Raise `Unreadable` where a text is in another encoding."""
    try:
        text.decode()
    except UnicodeDecodeError as error:
        raise Unreadable(
            f"byte {text[error.start]:#04x} is no UTF-8; name the encoding of the file "
            "(encoding='latin-1')"
        ) from None


def line_at(path: Path, offset: int) -> str:
    """`line 17`: the number of the line that holds a byte."""
    number = 1
    with path.open("rb") as file:
        while offset > 0 and (block := file.read(min(offset, _BLOCK))):
            number += block.count(b"\n")
            offset -= len(block)
    return f"line {number:,}"
