"""What `result.json` says: a run's figures, and those of a population with their spread."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from research.engine.identity import Identity
from research.engine.selection import each_member


def shown(identity: Identity, step: int, *, complete: bool) -> dict[str, Any]:
    """What run it is and where it stands: the part that the ledger's last word repeats."""
    fields: dict[str, Any] = {
        "experiment": identity.experiment,
        "config_digest": identity.config_digest,
        "seed": identity.seed,
        "step": step,
        "complete": complete,
    }
    if identity.population is not None:
        fields |= {"seeds": identity.population.seeds, "width": identity.population.width}
    return fields


def vouched(identity: Identity, recorded: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of `result.json` that follow from the ledger's last word.

    Args:
        identity: the run's.
        recorded: `shown`, `digest`, `metrics`, and `members` (digests) of a population.
    """
    metrics = recorded["metrics"]
    fields = {**recorded["shown"], "digest": recorded["digest"], "metrics": metrics}
    if identity.population is None:
        return fields
    members = [
        {
            "seed": member.seed,
            "hyperparameters": member.varied,
            "digest": digest,
            "metrics": {name: each_member(value)[k] for name, value in metrics.items()},
        }
        for k, (member, digest) in enumerate(
            zip(identity.members, recorded["members"], strict=True)
        )
    ]
    spreads = {name: spread(each_member(value)) for name, value in metrics.items()}
    means = {name: one["mean"] for name, one in spreads.items()}
    return {**fields, "metrics": means, "spread": spreads, "members": members}


def spread(values: Sequence[Any]) -> dict[str, float | int | None]:
    """Mean, standard deviation and 95 % interval (Student's t) of the members that have a figure.

    The interval is that of the mean; None where fewer than two members have a finite figure.
    """
    known = [float(v) for v in values if isinstance(v, int | float) and math.isfinite(v)]
    count = len(known)
    if not count:
        empty = dict.fromkeys(("mean", "standard_deviation", "low", "high"))
        return {**empty, "members": 0}
    mean = math.fsum(known) / count
    if count == 1:
        return {"mean": mean, "standard_deviation": None, "low": None, "high": None, "members": 1}
    from scipy.special import stdtrit

    deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in known) / (count - 1))
    half = float(stdtrit(count - 1, 0.975)) * deviation / math.sqrt(count)
    return {
        "mean": mean,
        "standard_deviation": deviation,
        "low": mean - half,
        "high": mean + half,
        "members": count,
    }
