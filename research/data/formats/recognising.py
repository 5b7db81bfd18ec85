"""Which format a file has: by its first bytes where they show it, else by its name."""

from __future__ import annotations

import codecs
import csv
import io
import itertools
import math
import re
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple, get_args

import numpy as np

from research.data.file_sets.plain import head_of
from research.data.file_sets.shards import Shard
from research.data.formats.array_records import ArrayRecord
from research.data.formats.csv_files import CSV
from research.data.formats.examples import parse_example, parse_sequence_example
from research.data.formats.fixed import Field, Fixed, Idx, Npy
from research.data.formats.format import TEXT, Format, Unreadable
from research.data.formats.kinds import Kind, kind_of_name
from research.data.formats.lines import Lines
from research.data.formats.parquet import Parquet
from research.data.formats.pictures import Pictures
from research.data.formats.tar_shards import Tar
from research.data.formats.tfrecord import TFRecord, masked_crc, record_length
from research.errors import Mistake

_HEAD = 1 << 16
_FIRST: tuple[tuple[bytes, Kind], ...] = (
    (b"PAR1", "parquet"),
    (b"\x93NUMPY", "npy"),
    (b"\x83\xaf\x70\xd1\x0d\x88\x4a\x3f", "array_record"),  # a block of Riegeli, its first chunk
    (b"\xff\xd8\xff", "pictures"),
    (b"\x89PNG\r\n", "pictures"),
    (b"GIF8", "pictures"),
)
_USED: dict[Kind, tuple[str, ...]] = {
    "csv": ("delimiter", "encoding", "names"),
    "lines": ("encoding",),
    "binary": ("fields",),
}
"""What of `How` a format is read by."""
_DELIMITERS = ",;\t|"
_FIELD = re.compile(r"(?P<name>[^:]+):(?P<dtype>[^:]+)(:(?P<shape>\d+(x\d+)*)(:(?P<axes>\d+))?)?")


class How(NamedTuple):
    """How files are read, as far as a person names it; what is empty is found out.

    Attributes:
        kind: the format.
        delimiter: of CSV.
        encoding: of text.
        names: of CSV's columns, where files have no line of names.
        fields: of a binary record: `label:u1`, `image:u1:3x32x32:120`.
    """

    kind: Kind | None = None
    delimiter: str = ""
    encoding: str = ""
    names: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()

    def require_unused(self, whose: str, used: Sequence[str] = ()) -> None:
        """Raise a Mistake where more is named than `used`, which is of no use for `whose`."""
        for name, value in self._asdict().items():
            if value and name not in used:
                option = {"kind": "format"}.get(name, name)
                raise Mistake(f"--{option} is of no use here: {whose}")


def find_format(shards: Sequence[Shard], how: How) -> Format:
    """The format of files, by the first of them that is not empty.

    Raises:
        Mistake: it is not known, or what is named does not fit.
    """
    shard = next((each for each in shards if each.size or each.remote), shards[0])
    head = _inflated(head_of(shard, _HEAD))
    kind = how.kind or _kind_of_content(shard, head) or kind_of_name(shard.name)
    kind = kind or _kind_of_text(head)
    if how.fields and not kind:
        kind = "binary"
    if kind:
        how.require_unused(f"{shard.name} is read as {kind}", ("kind", *_USED.get(kind, ())))
    if how.fields:
        return Fixed({name: field for name, field in map(_field, how.fields)})
    if kind == "csv":
        return _csv(shard, head, how)
    if kind is None or kind == "binary":
        raise Mistake(
            f"{shard.name} holds bytes of no known format. If its records have one length, say of "
            "what they are made, in order: --fields label:u1,image:u1:28x28; or name the format: "
            f"--format {', '.join(get_args(Kind))}"
        )
    if kind == "tfrecord":
        return TFRecord(content=_content(_first_whole(head)))
    if kind == "array_record":
        return ArrayRecord(content=_content(_first_record(shard)))
    if kind == "lines":
        return Lines(encoding=how.encoding or _marked(head) or "utf-8")
    made: dict[Kind, Format] = {
        "parquet": Parquet(),
        "idx": Idx("x"),
        "npy": Npy(),
        "pictures": Pictures(),
        "tar": Tar(),
    }
    return made[kind]


def _csv(shard: Shard, head: bytes, how: How) -> CSV:
    encoding = how.encoding or _marked(head) or "utf-8"
    try:
        text = head.decode(encoding, errors="replace")
    except LookupError:
        raise Mistake(f"there is no encoding {encoding!r}; say utf-8, latin-1, cp1252") from None
    delimiter = {"tab": "\t", "\\t": "\t"}.get(how.delimiter, how.delimiter)
    delimiter = delimiter or _delimiter(text, 5) or _delimiter(text, 1) or ","
    return CSV(names=how.names, delimiter=delimiter, encoding=encoding)


def _delimiter(text: str, rows: int) -> str:
    """What divides the first rows into as many fields each, at least two; "" where nothing does."""
    fields = {}
    for sign in _DELIMITERS:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=sign)
        try:
            widths = {len(row) for row in itertools.islice(filter(None, reader), rows)}
        except csv.Error:
            continue
        fields[sign] = widths.pop() if len(widths) == 1 else 0
    most = max(fields, key=lambda sign: fields[sign], default="")
    return most if fields.get(most, 0) > 1 else ""


def _inflated(head: bytes) -> bytes:
    if head[:3] != b"\x1f\x8b\x08":
        return head
    try:
        return zlib.decompressobj(wbits=31).decompress(head, _HEAD)
    except zlib.error:
        return head


def _kind_of_content(shard: Shard, head: bytes) -> Kind | None:
    for first, kind in _FIRST:
        if head.startswith(first):
            return kind
    if record_length(head[:12]) is not None:
        return "tfrecord"
    if head[257:262] == b"ustar":
        return "tar"
    return "idx" if _is_idx(head, shard.size) else None


def _is_idx(head: bytes, size: int) -> bool:
    if head[:2] != b"\0\0" or len(head) < 8 or not 1 <= head[3] <= 8:
        return False
    itemsize = {8: 1, 9: 1, 11: 2, 12: 4, 13: 4, 14: 8}.get(head[2], 0)
    sizes = np.frombuffer(head[4 : 4 + 4 * head[3]], ">u4").tolist()
    return bool(itemsize) and 4 + 4 * head[3] + itemsize * math.prod(sizes) == size


def _kind_of_text(head: bytes) -> Kind | None:
    """CSV where the first rows have as many fields, at least two; else lines of text."""
    try:
        text = codecs.getincrementaldecoder(_marked(head) or "utf-8")().decode(head)
    except UnicodeDecodeError:
        return None
    if not text or "\0" in text:
        return None
    return "csv" if text.count("\n") > 1 and _delimiter(text, 5) else "lines"


def _marked(head: bytes) -> str:
    """The encoding that a byte order mark shows; "" where there is none, or that of UTF-8."""
    return "utf-16" if head[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else ""


def _first_whole(head: bytes) -> bytes | None:
    """The first record of a TFRecord file that is whole, as far as the file's head goes."""
    at = 0
    while (length := record_length(head[at : at + 12])) is not None:
        begin, at = at + 12, at + length + 16
        record, check = head[begin : begin + length], head[begin + length : at]
        if len(check) == 4 and masked_crc(record) == int.from_bytes(check, "little"):
            return record
    return None


def _first_record(shard: Shard) -> bytes | None:
    """The first record of an ArrayRecord file of this machine."""
    if shard.remote:
        return None
    try:
        whole, number = ArrayRecord(content="bytes"), np.array([[0]])
        return bytes(whole.decode(Path(shard.name), number, {"record": TEXT})["record"][0])
    except Unreadable:
        return None  # reading all of it meets the same, and has a message


def _content(record: bytes | None) -> Literal["example", "sequence", "bytes"]:
    """What a record is; an example where it could not be read."""
    if record is None:
        return "example"
    try:
        parse_example(record)
        return "sequence" if parse_sequence_example(record).lists else "example"
    except Unreadable:
        return "bytes"


def _field(text: str) -> tuple[str, Field]:
    match = _FIELD.fullmatch(text.strip())
    if match is None:
        raise Mistake(
            f"--fields: {text!r} is no field; they look like label:u1, weight:<f4, image:u1:28x28, "
            "and with the axes in the order of an example image:u1:3x32x32:120"
        )
    shape = tuple(map(int, (match["shape"] or "").split("x"))) if match["shape"] else ()
    try:
        np.dtype(match["dtype"])
    except TypeError:
        raise Mistake(
            f"--fields: {text!r}: there is no type {match['dtype']!r}; u1, >i4, <f8 are some"
        ) from None
    return match["name"], Field(match["dtype"], shape, tuple(map(int, match["axes"] or "")))
