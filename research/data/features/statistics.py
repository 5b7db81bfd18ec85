"""Statistics of a training split: small, immutable, with a digest, and kept as JSON values.

A feature is two pure functions: one fits statistics to columns of the training split, on the host
and once; the other applies them to a batch, traced, inside the model. What the first finds depends
on which examples there are and on nothing else: columns are put together by position, sums are
exact before they are rounded, and all else are counts and values of the columns themselves. So the
bits are the same for any order of the examples, any chunk size and any number of workers.
"""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import json
import math
import typing
from collections.abc import Mapping, Sequence
from typing import Any, Self, TypeAlias

import jax
import numpy as np

from research.data.columns import Columns, join
from research.data.sources.mapped import Mapped
from research.engine.experiment import Source

Array: TypeAlias = np.ndarray | jax.Array
"""On the host or the device: what applies statistics computes the same on both."""

CHUNK = 4096
"""Examples that are read at once."""


@dataclasses.dataclass(frozen=True)
class Statistics:
    """What is known of a training split.

    Fields are numbers, words, tuples of these, or statistics themselves.
    """

    def keep(self) -> dict[str, Any]:
        """The fields as JSON values, for `Experiment.needs`."""
        return dataclasses.asdict(self)

    @classmethod
    def restore(cls, kept: Mapping[str, Any]) -> Self:
        """The statistics that were kept."""
        hints = typing.get_type_hints(cls)
        return cls(**{name: _restore(hints[name], value) for name, value in kept.items()})

    def digest(self) -> str:
        """SHA-256 (hex) of what they are called and of every field, to the last bit."""
        # JSON has the shortest decimal that reads as the same float.
        text = json.dumps([type(self).__name__, self.keep()], sort_keys=True, allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()


def _restore(hint: Any, value: Any) -> Any:
    if isinstance(hint, type) and issubclass(hint, Statistics):
        return hint.restore(value)
    if isinstance(value, list | tuple):
        # `tuple[int, ...]`, or of one kind or another, which are alike in JSON.
        inner = typing.get_args(hint)[0]
        return tuple(_restore(inner, each) for each in value)
    return value


def read_columns(source: Source, names: Sequence[str], chunk: int = CHUNK) -> Columns:
    """Some columns of a source, whole, in the order of its examples.

    They are read `chunk` examples at a time, and no other column is held.

    Raises:
        ValueError: if there is no example.
    """
    count = len(source)
    if not count:
        raise ValueError(f"{source.name} has no example to fit statistics to")
    parts = []
    for start in range(0, count, chunk):
        read = source.read(np.arange(start, min(count, start + chunk)))
        parts.append({name: read[name] for name in names})
    return join(parts)


def with_digest_of(source: Source, statistics: Statistics) -> Mapped:
    """The same examples, in whose digest, and so in a run's ledger, is that of the statistics."""
    return Mapped(source, dict, "with statistics of the training split", statistics.digest())


def exact_sum(values: np.ndarray) -> float:
    """The sum of finite numbers `[examples]` rounded once, whatever their order.

    Source: Shewchuk 1997, "Adaptive Precision Floating-Point Arithmetic and Fast Robust Geometric
    Predicates" (`math.fsum`).
    """
    chunks = (values[at : at + CHUNK].tolist() for at in range(0, len(values), CHUNK))
    return math.fsum(itertools.chain.from_iterable(chunks))


def known_by_feature(values: np.ndarray) -> list[np.ndarray]:
    """Of numbers `[..., features]`, those of each feature that are not missing (NaN), float64.

    Raises:
        ValueError: if a feature has none, or one that is infinite.
    """
    rows = np.asarray(values, np.float64).reshape(-1, np.shape(values)[-1])
    known = [feature[~np.isnan(feature)] for feature in rows.T]
    for place, feature in enumerate(known):
        if not len(feature):
            raise ValueError(f"feature {place} is missing in all {len(rows)} training examples")
        if np.isinf(feature).any():
            raise ValueError(f"feature {place} is infinite in a training example")
    return known


def namespace(values: Array) -> Any:
    """NumPy's functions for an array of the host, JAX's for one of the device or a traced one."""
    return values.__array_namespace__()
