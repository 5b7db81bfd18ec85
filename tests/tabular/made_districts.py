"""Made-up districts with the columns of California's."""

from __future__ import annotations

import numpy as np

from research.data.districts import COLUMNS, VALUE
from research.data.sources.arrays import ArraySource


def districts(seed: int, count: int = 90) -> dict[str, np.ndarray]:
    """Raw columns of districts, some without bedrooms."""
    draw = np.random.default_rng(seed)
    columns = {name: draw.uniform(1, 50, count).astype(np.float32) for name in (*COLUMNS, VALUE)}
    columns["total_bedrooms"][draw.random(count) < 0.2] = np.nan
    return columns


class Unreadable(ArraySource):
    """A split that nobody may read."""

    def load(self) -> dict[str, np.ndarray]:
        """As a reader meets it."""
        raise AssertionError(f"{self.name} was read")

    def read(self, index: np.ndarray) -> dict[str, np.ndarray]:
        """As a reader meets it."""
        raise AssertionError(f"{self.name} was read")
