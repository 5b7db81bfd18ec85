"""One long text of a tfds data set."""

from __future__ import annotations

from research.data.tfds_split import TfdsSplit
from research.errors import Mistake


def read_text(dataset: str, split: str = "train") -> str:
    """The text of a split: that of its examples, one after another.

    Args:
        dataset: as `TfdsSplit` has it, with a feature `text`.
        split: which part.

    Raises:
        Mistake: the data set is not prepared, has no text, or not in UTF-8.
    """
    columns = TfdsSplit(dataset, split, ("text",)).load()
    data = b"".join(columns["text"].tolist())
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise Mistake(
            f"{dataset} {split} is not UTF-8: byte {data[error.start]:#04x} at {error.start:,}"
        ) from None
