"""What sources share that are made of others: their digest, their names, and how they are walked.

Such a source is a dataclass with a field `source`, or a field `sources` of several.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from research.data import columns as column_functions
from research.data.columns import Columns
from research.engine.experiment import Source
from research.errors import Mistake


def inner_sources(source: Any) -> tuple[Source, ...]:
    """The sources that a source is made of; none of one that reads for itself."""
    if not dataclasses.is_dataclass(source):
        return ()
    if hasattr(source, "sources"):
        return tuple(source.sources)
    return (source.source,) if hasattr(source, "source") else ()


def with_inner(source: Any, change: Callable[[Source], Source]) -> Any:
    """The same source made of others, each replaced by one that gives the same examples.

    So what it has already found out about its own is kept.
    """
    inner = inner_sources(source)
    if not inner:
        return source
    replaced = tuple(map(change, inner))
    several = hasattr(source, "sources")
    fields = {"sources": replaced} if several else {"source": replaced[0]}
    changed = dataclasses.replace(source, **fields)
    vars(changed).update({name: each for name, each in vars(source).items() if name not in fields})
    return changed


def require_sources(sources: Sequence[Source], what: str) -> None:
    """Raise a ValueError where there is no source; `what` is made of them."""
    if not sources:
        raise ValueError(f"{what} needs at least one source")


def require_inside(source: Source, index: np.ndarray) -> np.ndarray:
    """The index as an array.

    Raises:
        IndexError: if an index is out of range.
    """
    index = np.asarray(index)
    if index.size and not (index.min() >= 0 and index.max() < len(source)):
        raise IndexError(f"{source.name} has {len(source)} examples")
    return index


def digest_of(sources: Sequence[Source], *made: Any) -> str:
    """A digest as `research.data.columns.digest` has it: of sources, and what is made of them.

    `made` are JSON values that decide what that is.
    """
    digests = [source.digest() for source in sources]
    contents, forms = zip(*(digest.split("-") for digest in digests), strict=True)
    form = hashlib.sha256(json.dumps(forms).encode()).hexdigest()
    return column_functions.with_meaning(f"{''.join(contents)}-{form}", json.dumps(made))


def require_each_alone(
    name: str, read: Callable[[np.ndarray], Columns], count: int, what: str
) -> Columns:
    """The first examples, up to eight, as `read` gives them.

    Raises:
        Mistake: if what an example becomes depends on those that are read with it.
    """
    first = np.arange(min(8, count))
    together = read(first)
    if len(first) > 1:
        alone = column_functions.join([read(first[[place]]) for place in first])
        if column_functions.digest(alone) != column_functions.digest(together):
            raise Mistake(
                f"{name}: an example {what} when it is read alone, so "
                "batches would depend on how data is read. Calculate from each example alone; "
                "calculate statistics of a whole split beforehand, and put their digest in "
                "the version."
            )
    return together
