"""Sources that tests make others of."""

from __future__ import annotations

import numpy as np

from research.data.sources.arrays import ArraySource


def numbers(count: int, start: int = 0, name: str = "numbers", column: str = "y") -> ArraySource:
    return ArraySource(name, {column: np.arange(start, start + count)})
