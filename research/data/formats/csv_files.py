"""CSV files: typed columns, read by Arrow; rows are found first, so that each can be read alone.

Fields may be quoted, and hold line breaks and doubled quotes then (RFC 4180). A quote within a
field that does not begin with one is a character like any other, as it is for Arrow and Python.
"""

from __future__ import annotations

import codecs
import dataclasses
import functools
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from research.data.columns import Columns, Form
from research.data.formats.format import (
    TEXT,
    Broken,
    Forms,
    Found,
    KeptDecoded,
    Misfit,
    Unreadable,
    forms_to_json,
)
from research.data.formats.lines import after_mark, line_at, require_encoding
from research.data.formats.spans import read_spans
from research.data.formats.tables import column_of

_BLOCK = 1 << 22
_HEAD = 1 << 16
_ROWS = 1 << 13
"""Rows that are decoded at once where all are."""
_LONGEST = 1 << 28
"""Bytes of a row from which a quote counts as never closed."""

MISSING = ("", "NA", "N/A", "n/a", "NaN", "nan", "-nan", "NULL", "null", "None", "#N/A", "?")
"""What stands for a missing number."""


@dataclasses.dataclass(frozen=True)
class CSV:
    """How CSV files are read. Compressed ones (gzip) are recognised.

    Attributes:
        columns: column -> form, of those wanted: `{"age": Form(np.float32, ()), "name": TEXT}`.
            Where none is given all columns are read: as int64, float64 or bool if every value of
            the first file that has any is one, else as text. Integers of which some are missing
            are float64. Dates are texts.
        names: of the columns, where files do not begin with a line of names.
        delimiter: between fields: `,`, `;`, a tab.
        quote: around fields that hold delimiters or line breaks; "" where there is none.
        encoding: that of the files. Another than UTF-8 is rewritten once, into the cache.
        missing: what stands for a missing number, which becomes NaN. A missing text is empty.
    """

    columns: Forms = dataclasses.field(default_factory=dict, hash=False)
    names: tuple[str, ...] = ()
    delimiter: str = ","
    quote: str = '"'
    encoding: str = "utf-8"
    missing: tuple[str, ...] = MISSING

    title = "CSV"
    by_number = False
    kept_decoded: KeptDecoded = "numbers"

    def __post_init__(self) -> None:
        require_encoding(self.encoding)
        for what, sign, longest in (("delimiter", self.delimiter, 1), ("quote", self.quote, 1)):
            if not (len(sign) <= longest and sign.isascii()) or sign in ("\n", "\r"):
                raise ValueError(f"{what} must be one character of ASCII, not {sign!r}")
        if not self.delimiter or self.delimiter == self.quote:
            raise ValueError("a delimiter is needed, other than the quote")
        for name, form in self.columns.items():
            if form.shape or np.dtype(form.dtype).kind not in "iufbO":
                raise ValueError(f"column {name!r}: a field is a number or a text, not {form}")

    def settings(self) -> dict[str, Any]:
        """As `Format.settings`."""
        given = dataclasses.asdict(self) | {"columns": forms_to_json(self.columns)}
        return given | {"encoding": codecs.lookup(self.encoding).name}

    def is_gzip(self, name: str, head: bytes) -> bool:
        """As `Format.is_gzip`: no text begins like that."""
        return head[:2] == b"\x1f\x8b"

    def scan(self, path: Path) -> Iterator[Found]:
        """As `Format.scan`; lines without anything are passed over."""
        _, begin = self._head(path)
        for rows, opened, done in self._rows(path, begin, _BLOCK):
            rows = rows[rows[:, 1] > 0]
            for first in range(0, len(rows), _ROWS):
                yield Found(rows[first : first + _ROWS], [], done)
            if opened is not None:
                what = "a quote is opened in this row, and never closed"
                yield Found(np.empty((0, 2), np.int64), [Broken(line_at(path, opened), what)], done)

    def infer(self, path: Path, positions: Iterable[np.ndarray]) -> Forms:
        """As `Format.infer`."""
        if self.columns:
            return self.columns
        names, _ = self._head(path)
        kinds: dict[str, set[str]] = {name: set() for name in names}
        for some in positions:
            for table in self._readable(path, some):
                for name in names:
                    kinds[name] |= _kinds(table.column(name))
        return {name: _form(kinds[name]) for name in names}

    def decode(self, path: Path, positions: np.ndarray, forms: Forms) -> Columns:
        """As `Format.decode`."""
        names, _ = self._head(path)
        if missing := [name for name in forms if name not in names]:
            raise Misfit(f"it has no column {', '.join(missing)}; it has {', '.join(names)}")
        if not self.columns and len(names) > len(forms):
            extra = ", ".join(name for name in names if name not in forms)
            raise Misfit(f"it has a column more than other files: {extra}; name those to be read")
        table = self._table(path, positions, forms)
        return {name: column_of(table.column(name), name, forms[name]) for name in sorted(forms)}

    def where(self, path: Path, position: np.ndarray) -> str:
        """As `Format.where`."""
        return line_at(path, int(position[0]))

    def _head(self, path: Path) -> tuple[tuple[str, ...], int]:
        """The names of the columns, and where the first row begins."""
        facts = path.stat()
        return _read_head(self, path, facts.st_size, facts.st_mtime_ns)

    def _rows(
        self, path: Path, begin: int, size: int
    ) -> Iterator[tuple[np.ndarray, int | None, int]]:
        """The rows of a file, those that end in one block after another.

        Yields:
            int64 `[rows, 2]`, where each starts and how long it is without the line's end; where a
            row starts in which a quote is not closed, with which it ends; bytes read.
        """
        with path.open("rb") as file:
            file.seek(begin)
            block, at, last = b"", begin, False
            while not last:
                more = file.read(size)
                last = not more
                block += more
                ends, opened = self._ends(block, last)
                if last and not opened and (not len(ends) or ends[-1] + 1 < len(block)):
                    ends = np.append(ends, len(block))
                starts = np.concatenate([[0], ends[:-1] + 1]) if len(ends) else ends
                start = min(int(ends[-1]) + 1, len(block)) if len(ends) else 0
                stops = ends - _returns(block, starts, ends)
                done = at + len(block)
                yield np.stack([at + starts, stops - starts], axis=1), None, done
                if (last and opened) or len(block) - start > _LONGEST:
                    yield np.empty((0, 2), np.int64), at + start, done
                    return
                block, at = block[start:], at + start

    def _ends(self, block: bytes, last: bool) -> tuple[np.ndarray, bool]:
        """Where the rows of a block end that are whole, and whether a quote stays open behind."""
        signs = np.frombuffer(block, np.uint8)
        ends = np.flatnonzero(signs == ord("\n"))
        if not self.quote or self.quote.encode() not in block:
            return ends, False
        quotes = np.flatnonzero(signs == ord(self.quote))
        before = signs[quotes[::2] - 1]
        if quotes[0] == 0:
            before[0] = ord("\n")
        usual = (before == ord("\n")) | (before == ord(self.delimiter))
        # Of two quotes within a quoted field, the second seems to open one right behind the first.
        usual[1:] |= quotes[2::2] - 1 == quotes[1 : 2 * len(usual) - 1 : 2]
        if not usual.all():
            return _ends_by_pattern(_row_pattern(self.delimiter, self.quote), block, last)
        outside = ends[np.searchsorted(quotes, ends) % 2 == 0]
        # A last quote may be the first of two.
        unsure = len(quotes) % 2 == 1 or (quotes[-1] == len(block) - 1 and not last)
        return outside, bool(unsure)

    def _table(self, path: Path, positions: np.ndarray, forms: Forms | None) -> Any:
        """The rows as an Arrow table, its types given or as Arrow infers them."""
        import pyarrow as pa
        from pyarrow import csv

        names, _ = self._head(path)
        content = _content(path, *positions.T)
        types = {
            name: pa.string() if form.dtype == object else pa.from_numpy_dtype(form.dtype)
            for name, form in (forms or {}).items()
        }
        try:
            table = csv.read_csv(
                pa.py_buffer(content),
                csv.ReadOptions(
                    use_threads=False, block_size=len(content) + 1, column_names=list(names)
                ),
                csv.ParseOptions(
                    delimiter=self.delimiter,
                    quote_char=self.quote or False,
                    newlines_in_values=bool(self.quote),
                ),
                csv.ConvertOptions(
                    column_types=types,
                    include_columns=list(types) if forms else None,
                    null_values=list(self.missing),
                    strings_can_be_null=False,
                ),
            )
        except (pa.ArrowException, ValueError) as error:
            raise Unreadable(_reason(error, list(types) if forms else list(names))) from None
        if table.num_rows != len(positions):
            raise Unreadable(f"Arrow reads {table.num_rows} rows of what are {len(positions)}")
        return table

    def _readable(self, path: Path, positions: np.ndarray) -> Iterator[Any]:
        """Tables of all rows that can be parsed."""
        try:
            yield self._table(path, positions, None)
            return
        except Unreadable:
            pass
        if len(positions) > 1:
            middle = len(positions) // 2
            yield from self._readable(path, positions[:middle])
            yield from self._readable(path, positions[middle:])


def _content(path: Path, starts: np.ndarray, lengths: np.ndarray) -> bytes:
    """Rows as they lie where nothing but line ends is between them; else one after another."""
    stops = starts + lengths
    if len(starts) > 1 and (starts[1:] - stops[:-1] <= 2).all() and (starts[1:] > stops[:-1]).all():
        (whole,) = read_spans(path, starts[:1], stops[-1:] - starts[:1])
        return whole + b"\n"
    return b"\n".join([*read_spans(path, starts, lengths), b""])


@functools.lru_cache(maxsize=1024)
def _read_head(format: CSV, path: Path, size: int, changed: int) -> tuple[tuple[str, ...], int]:
    """The names of a file's columns, and where its first row begins: each read needs it."""
    import pyarrow as pa
    from pyarrow import csv

    with path.open("rb") as file:
        begin = after_mark(file.read(3))
    if format.names:
        return format.names, begin
    blocks = format._rows(path, begin, _HEAD)
    first = next((row for rows, _, _ in blocks for row in rows.tolist() if row[1]), None)
    if first is None:
        raise Unreadable("it has no line of names; give them (names=...)")
    start, length = first
    stop = start + length
    with path.open("rb") as file:
        file.seek(start)
        line = file.read(length)
        rest = file.read(2)
    if b"\r" in line.replace(b"\r\n", b""):
        raise Unreadable("its lines end with CR alone; rewrite them with LF or CR LF")
    quote = format.quote or False
    parse = csv.ParseOptions(
        delimiter=format.delimiter, quote_char=quote, newlines_in_values=bool(quote)
    )
    read = csv.ReadOptions(autogenerate_column_names=True, block_size=len(line) + 2)
    try:
        kept = csv.ConvertOptions(default_column_type=pa.string())
        table = csv.read_csv(pa.py_buffer(line + b"\n"), read, parse, kept)
        names = [str(column[0]) or f"column {at}" for at, column in enumerate(table.columns, 1)]
    except (pa.ArrowException, ValueError) as error:
        raise Unreadable(f"its line of names cannot be read: {_reason(error, [])}") from None
    if len(set(names)) < len(names):
        double = next(name for name in names if names.count(name) > 1)
        raise Unreadable(f"two of its columns are called {double!r}; give other names (names=...)")
    after = 2 if rest == b"\r\n" else min(1, len(rest))
    return tuple(names), stop + after


def _returns(block: bytes, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Which rows have a carriage return before their end: 1 where there is one, else 0."""
    signs = np.frombuffer(block, np.uint8)
    before = signs[np.maximum(ends - 1, 0)] if len(signs) else np.zeros(len(ends), np.uint8)
    return ((before == ord("\r")) & (ends > starts)).astype(np.int64)


@functools.lru_cache(maxsize=64)
def _row_pattern(delimiter: str, quote: str) -> re.Pattern[bytes]:
    """Line ends, and quoted fields that they may stand in."""
    sign, before = re.escape(quote.encode()), re.escape(delimiter.encode())
    inside = b"[^" + sign + b"]*+"
    # A quote opens a field only at its beginning.
    field = b"(?:(?<=[" + before + b"\\n])|\\A)" + sign + inside
    field += b"(?:" + sign + sign + inside + b")*+"
    return re.compile(field + b"(?P<closed>" + sign + b")?|\\n")


def _ends_by_pattern(
    pattern: re.Pattern[bytes], block: bytes, last: bool
) -> tuple[np.ndarray, bool]:
    """As `CSV._ends`, of a block in which quotes stand within fields, too."""
    ends: list[int] = []
    opened = False
    for match in pattern.finditer(block):
        if match.lastgroup is None and match.group() == b"\n":
            ends.append(match.start())
        # A quote at the end of a block may be the first of two.
        elif match["closed"] is None or (match.end() == len(block) and not last):
            opened = True
            break
    return np.array(ends, np.int64), opened


def _kinds(column: Any) -> set[str]:
    """What a column of a table that Arrow inferred holds."""
    import pyarrow as pa

    kind, kinds = column.type, {"missing"} if column.null_count else set[str]()
    if pa.types.is_null(kind):
        return kinds
    if pa.types.is_boolean(kind):
        return kinds | {"bool"}
    if pa.types.is_integer(kind):
        return kinds | {"int"}
    return kinds | ({"float"} if pa.types.is_floating(kind) else {"text"})


def _form(kinds: set[str]) -> Form:
    if kinds == {"int"}:
        return Form(np.dtype(np.int64), ())
    if kinds == {"bool"}:
        return Form(np.dtype(bool), ())
    if kinds <= {"int", "float", "missing"}:
        return Form(np.dtype(np.float64), ())
    return TEXT


def _reason(error: Exception, names: list[str]) -> str:
    """What Arrow has to say, with the column's name instead of its number."""
    text = re.sub(r"^CSV parse error: (Row #\d+: )?", "", " ".join(str(error).split()))
    match = re.match(r"In CSV column #(\d+): (?:Row #\d+: )?(?:CSV conversion error )?(.*)", text)
    if match and int(match[1]) < len(names):
        text = f"column {names[int(match[1])]!r}: {match[2]}"
    text = text[:300].rstrip(".")
    if "invalid UTF8" in text:
        text += "; name the encoding of the file (encoding='latin-1')"
    return text
