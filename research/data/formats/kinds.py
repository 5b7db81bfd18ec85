"""Words for files on a command line: formats, what files are called, what to do about damage."""

from __future__ import annotations

import re
from typing import Literal, get_args

Kind = Literal[
    "tfrecord", "array_record", "parquet", "csv", "binary", "idx", "npy", "lines", "pictures", "tar"
]
Target = Literal["tfrecord", "array_record", "parquet", "csv", "binary"]
"""Those that are written, too."""
Damage = Literal["stop", "skip"]
"""What to do about records that cannot be read."""

_NAMES: dict[Kind, str] = {
    "tfrecord": "tfrecords?",
    "array_record": "array_?records?|riegeli",
    "parquet": "parquet|pq",
    "csv": "csv|tsv",
    "binary": "bin|dat|raw",
    "idx": "idx[1-9]?|ubyte",
    "npy": "npy",
    "lines": "txt|text",
    "pictures": "jpe?g|png|gif|bmp|webp|ppm|pgm|tiff?",
    "tar": "tar|tgz",
}
_NAME = re.compile(
    # tfds adds its numbers behind: mnist-train.tfrecord-00000-of-00001.
    r"[.-](?:" + "|".join(f"(?P<{kind}>{ends})" for kind, ends in _NAMES.items()) + ")"
    r"(\.gz)?(-\d+-of-\d+)?$",
    re.IGNORECASE,
)


def kind_of_name(name: str) -> Kind | None:
    """The format that a file's name has."""
    match = _NAME.search(name)
    return next((kind for kind in get_args(Kind) if match and match[kind]), None)
