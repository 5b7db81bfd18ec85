"""A user's own text as an input: in a word of the command line, or in a file."""

from __future__ import annotations

from pathlib import Path

from research.errors import Mistake

SUFFIXES = (".txt", ".json", ".csv")
"""What a word ends with that is certainly meant as a file."""


def read_own(word: str) -> tuple[str, str]:
    """The text that a file holds and the file's name; of what is no file the word itself, twice.

    Raises:
        Mistake: there is no such file, or it is not in UTF-8.
    """
    path = Path(word)
    try:
        exists = path.is_file()
    except OSError:  # too long for a name
        exists = False
    if exists:
        try:
            return path.read_text("utf-8-sig"), path.name
        except (OSError, UnicodeDecodeError) as error:
            raise Mistake(f"{word} cannot be read as a text in UTF-8 ({error})") from None
    if word.endswith(SUFFIXES):
        raise Mistake(f"there is no file {word}")
    return word, word
