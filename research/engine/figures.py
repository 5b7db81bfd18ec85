"""Figures as the host has them; apart from the metrics on the device, and without JAX."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

Figure: TypeAlias = float | list[float | None] | None
"""A metric as the host reads it: None for an empty interval, a list for the members of many."""
Figures: TypeAlias = Mapping[str, Figure]
"""Flat name (`validation/accuracy`) -> figure."""
