"""Figures as the host has them; apart from the metrics on the device, and without JAX."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

Figure: TypeAlias = float | list[float | None] | None
"""A metric as the host reads it: None for an empty interval, a list for the members of many."""
Figures: TypeAlias = Mapping[str, Figure]
"""Flat name (`validation/accuracy`) -> figure."""
HOST_TOLERANCE = 1e-9
"""How far a figure that was computed on the host may be off, relatively: its last digits follow the
kernels that the host's libraries choose for its CPU."""


def unlike(left: Any, right: Any, tolerance: float) -> bool:
    """Whether two figures, spelled as JSON values, are further apart than a relative tolerance.

    What is no finite number (a word such as "nan", None) must be the same.
    """
    if isinstance(left, list) and isinstance(right, list):
        pairs = zip(left, right, strict=False)
        return len(left) != len(right) or any(unlike(a, b, tolerance) for a, b in pairs)
    if left == right:
        return False
    if not isinstance(left, int | float) or not isinstance(right, int | float):
        return True
    return not abs(left - right) <= tolerance * max(abs(left), abs(right))
