"""Medians with their spread, of what was measured round by round."""

from __future__ import annotations

import statistics
from collections.abc import Sequence


def median_and_range(values: Sequence[float], digits: int = 3) -> str:
    """`1.25 (1.2–1.31)`: the median, and in brackets the least and the greatest.

    Args:
        values: one a round; without any the cell is a dash.
        digits: significant ones; whole numbers keep all of theirs.
    """
    if not values:
        return "—"
    low, high = min(values), max(values)
    return (
        f"{spell(statistics.median(values), digits)} ({spell(low, digits)}–{spell(high, digits)})"
    )


def spell(value: float, digits: int = 3) -> str:
    """A number with so many significant digits, never as a power of ten."""
    if value and abs(value) >= 10 ** (digits - 1):
        return f"{value:.0f}"
    text = f"{value:#.{digits}g}"
    return f"{float(text):.{digits + 3}f}".rstrip("0").rstrip(".") if "e" in text else text


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """Round by round, ours over theirs; both saw the same moments of the machine.

    Raises:
        ValueError: they have not as many rounds.
    """
    return [a / b for a, b in zip(ours, theirs, strict=True)]


def verdict(values: Sequence[float], goal: float, *, at_most: bool = False) -> str:
    """`met` or `missed`, of the median; a dash where nothing was measured."""
    if not values:
        return "—"
    middle = statistics.median(values)
    return "met" if (middle <= goal if at_most else middle >= goal) else "missed"
