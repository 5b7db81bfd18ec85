"""Members of a population by the values that they were given: a spread is of seeds, not of those.

Reads what the ledger's last word says of members; needs no JAX.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from research.statistics import spread


class Variant(NamedTuple):
    """The members with the same values.

    Attributes:
        hyperparameters: the varied fields of the config, with these values; empty where members
            differ in their seeds alone.
        members: as the last word has them, one a seed.
    """

    hyperparameters: Mapping[str, Any]
    members: tuple[Mapping[str, Any], ...]

    def spreads(self) -> dict[str, dict[str, float | int | None]]:
        """Name -> spread of that figure over the seeds."""
        names = dict.fromkeys(name for member in self.members for name in member["metrics"])
        return {
            name: spread_of([member["metrics"].get(name) for member in self.members])
            for name in names
        }


def variants_of(members: Sequence[Mapping[str, Any]]) -> list[Variant]:
    """The members grouped by their values, in the order in which those come.

    Args:
        members: each with `hyperparameters` and `metrics`.
    """
    found: list[Variant] = []
    for member in members:
        values = member.get("hyperparameters") or {}
        at = next((k for k, one in enumerate(found) if one.hyperparameters == values), None)
        if at is None:
            found.append(Variant(values, (member,)))
        else:
            found[at] = found[at]._replace(members=(*found[at].members, member))
    return found


def spread_of(values: Sequence[Any]) -> dict[str, float | int | None]:
    """Mean, standard deviation and 95 % interval of the mean, of the members that have a figure."""
    found = spread([float(v) for v in values if isinstance(v, int | float)])
    return {
        "mean": found.mean if found.n else None,
        "standard_deviation": found.standard_deviation,
        "low": found.low,
        "high": found.high,
        "members": found.n,
    }


def report(members: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What `result.json` says of the spread: `spread` over seeds, or `variants` with one each."""
    variants = variants_of(members)
    if len(variants) == 1:
        return {"spread": variants[0].spreads()}
    return {
        "variants": [
            {
                "hyperparameters": dict(one.hyperparameters),
                "members": len(one.members),
                "spread": one.spreads(),
            }
            for one in variants
        ]
    }
