"""The members of a run: from here on a run of one seed and a population are read alike."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from typing import Any

from research.runs.run import Curve, Member


def members_of(
    header: Mapping[str, Any],
    result: Mapping[str, Any],
    reports: Mapping[int, Mapping[str, Any]],
    seeds: tuple[int, int],
) -> tuple[Member, ...]:
    """The members in the order in which lists of figures have them.

    Args:
        header: the ledger's first line.
        result: of a finished run; empty for one whose last reported figures count.
        reports: step -> figures, ascending.
        seeds: the first seed and how many.
    """
    config = config_of(header)
    if result:
        rows = result.get("members") or [{"seed": seeds[0], **result}]
    else:
        rows = _rows(header, _latest(reports), *seeds)
    return tuple(
        Member(
            int(row.get("seed", seeds[0])),
            {**config, **(row.get("hyperparameters") or {})},
            figures_of(row.get("metrics") or {}),
            row.get("hyperparameters") or {},
            (row.get("metrics") or {}).get("reported_step"),
            str(row.get("digest", "")),
        )
        for row in rows
    )


def config_of(header: Mapping[str, Any]) -> dict[str, Any]:
    """A run's config; with its patience, which is compared like a field, though not one of it."""
    patience = header.get("patience")
    return {**(header.get("config") or {}), **({"patience": patience} if patience else {})}


def _latest(reports: Mapping[int, Mapping[str, Any]]) -> dict[str, Any]:
    """The last figure of each name."""
    latest: dict[str, Any] = {}
    for figures in reports.values():
        latest |= {name: value for name, value in figures.items() if value is not None}
    return latest


def _rows(
    header: Mapping[str, Any], figures: Mapping[str, Any], first: int, seeds: int
) -> list[dict[str, Any]]:
    """Members as a result has them, of a run without one: each variant has all seeds in turn."""
    lists = {name: value for name, value in figures.items() if isinstance(value, list)}
    population = header.get("population") or {}
    if not lists and not population:
        return [{"seed": first, "metrics": figures}]
    varied = population.get("varied") or ()
    chosen = itertools.product(*(header["config"][name] for name in varied))
    variants = [dict(zip(varied, values, strict=True)) for values in chosen]
    size = max([seeds * len(variants), *map(len, lists.values())])
    if size > seeds * len(variants):
        # Of an older version, which wrote the values down at the end alone.
        variants = [{"variant": at} for at in range(-(-size // seeds))]
    return [
        {
            "seed": first + at % seeds,
            "hyperparameters": variants[at // seeds],
            "metrics": {name: value[at] for name, value in lists.items() if at < len(value)},
        }
        for at in range(size)
    ]


def figures_of(metrics: Mapping[str, Any]) -> dict[str, float]:
    """Figures as floats; `"nan"` and `"inf"` are words in JSON, empty ones are left out."""
    found = {}
    for name, value in metrics.items():
        if name == "reported_step":
            continue
        try:
            found[name] = float(value)
        except (TypeError, ValueError):
            continue
    return found


def curves_of(reports: Mapping[int, Mapping[str, Any]], member: int) -> dict[str, Curve]:
    """Name -> course of each figure of one member."""
    import numpy as np

    found: dict[str, tuple[list[int], list[float]]] = {}
    for step, figures in reports.items():
        for name, value in figures.items():
            if isinstance(value, list):
                if member >= len(value):
                    continue
                value = value[member]
            steps, values = found.setdefault(name, ([], []))
            number = figures_of({name: value}).get(name, math.nan)
            steps.append(step)
            values.append(number if math.isfinite(number) else math.nan)
    return {
        name: Curve(np.array(steps, np.int64), np.array(values))
        for name, (steps, values) in found.items()
    }
