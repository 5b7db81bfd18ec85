"""One long text, of a tfds data set or of a file."""

from __future__ import annotations

from pathlib import Path

from research.data.tfds_split import TfdsSplit
from research.engine.own_files import read_bytes
from research.errors import Mistake

SUFFIX = ".txt"
"""What the name of a file ends with, that of a data set never."""


def is_file(text: str) -> bool:
    """Whether this names a text file, not a data set."""
    return text.endswith(SUFFIX)


def read_text(text: str, split: str = "train") -> str:
    """The text of a split, that of its examples one after another; or that of a file.

    Args:
        text: a data set, as `TfdsSplit` has it, with a feature `text`; or a file in UTF-8, its
            name ending in `.txt`, which is read byte for byte but for a byte order mark.
        split: which part of a data set.

    Raises:
        Mistake: the data set is not prepared or has no text, the file cannot be read, or what
            there is is not in UTF-8.
    """
    if is_file(text):
        whose, data = text, read_bytes(text)
    else:
        whose = f"{text} {split}"
        try:
            data = b"".join(TfdsSplit(text, split, ("text",)).load()["text"].tolist())
        except Mistake:
            if wrong := _no_text_file(text):
                raise Mistake(
                    f"{wrong}; --text takes a file in UTF-8 whose name ends in {SUFFIX}, or the "
                    "name of a tfds data set"
                ) from None
            raise
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # Not `error.start` alone: a byte order mark is not counted in it.
        place = error.start + len(data) - len(error.object)
        raise Mistake(
            f"{whose} is not UTF-8: byte {error.object[error.start]:#04x} at {place:,}"
        ) from None


def _no_text_file(text: str) -> str:
    """What a path is that was meant as a text file and is none; "" of what is no path."""
    path = Path(text)
    if path.is_dir():
        return f"{text} is a folder"
    if path.exists():
        return f"{text} is a file whose name does not end in {SUFFIX}"
    return f"there is no file {text}" if text.startswith(("/", "./", "../", "~")) else ""
