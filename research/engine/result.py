"""Results: the content of `result.json`, figures of a run, and of a population with their spread.

A spread is the mean, the deviation and Student's interval. Members that were given different values
of a hyper-parameter are variants, and each variant has its own. Needs no JAX.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from research.engine.selection import each_member

if TYPE_CHECKING:
    from research.engine.identity import Identity

LEVEL = 0.95
"""The confidence of every interval and of every test of a difference."""
_ROUNDING = 1e-12
"""A spread below this part of the values is that of rounding, not of seeds."""


class Spread(NamedTuple):
    """The mean of the values of some seeds, with its interval.

    Attributes:
        n: how many finite values there are.
        mean: their mean; NaN where there is none.
        standard_deviation: of the sample (divisor n - 1); None below two values.
        low: lower end of the mean's interval; None below two values.
        high: its upper end.
        nonfinite: how many values were NaN or infinite; they are in none of the above.
    """

    n: int
    mean: float
    standard_deviation: float | None
    low: float | None
    high: float | None
    nonfinite: int

    @property
    def half(self) -> float | None:
        """Half the width of the interval: what stands after ±."""
        return None if self.low is None or self.high is None else (self.high - self.low) / 2


def spread(values: Sequence[float], level: float = LEVEL) -> Spread:
    """Mean, standard deviation and Student's interval of the mean."""
    finite = [float(value) for value in values if math.isfinite(value)]
    n, lost = len(finite), len(values) - len(finite)
    mean = math.fsum(finite) / n if n else math.nan
    if n < 2:
        return Spread(n, mean, None, None, None, lost)
    squares = 0.0 if is_constant(finite) else math.fsum((value - mean) ** 2 for value in finite)
    deviation = math.sqrt(squares / (n - 1))
    half = float(quantile(n, level)) * deviation / math.sqrt(n)
    return Spread(n, mean, deviation, mean - half, mean + half, lost)


def quantile(n: Any, level: float = LEVEL) -> Any:
    """Half the width of the interval of a mean of `n` values (int or array), in standard errors."""
    # Scipy's tables alone: `scipy.stats` takes several times as long to import.
    from scipy.special import stdtrit

    return stdtrit(n - 1, (1 + level) / 2)


def is_constant(values: Sequence[float], scale: Sequence[float] = ()) -> bool:
    """Whether values differ by no more than rounding, of theirs or of those in `scale`."""
    largest = max(abs(value) for value in (*values, *scale))
    return max(values) - min(values) <= _ROUNDING * largest


class Variant(NamedTuple):
    """The members with the same values.

    Attributes:
        hyperparameters: the varied fields of the config, with these values; empty where members
            differ in their seeds alone.
        members: as the last line has them, one a seed.
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

    Each has `hyperparameters` and `metrics`.
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
    """The field `spread` over seeds of `result.json`, or `variants` with a spread each."""
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


def make_result(
    identity: Identity,
    step: int,
    digest: str,
    metrics: Mapping[str, Any],
    sums: Mapping[str, Any],
    member_digests: Sequence[str],
    *,
    complete: bool,
    early: bool,
) -> dict[str, Any]:
    """The ledger's last line of a finished run, which `result.json` repeats.

    Figures are JSON values, sums nested lists; in a population both are lists with one a member.
    """
    many = identity.population
    shown: dict[str, Any] = {
        "experiment": identity.experiment,
        "config_digest": identity.config_digest,
        "seed": identity.seed,
        "step": step,
        "complete": complete,
        **({"stopped_early": True} if early else {}),
        **({"seeds": many.seeds, "width": many.width} if many else {}),
    }
    line = {"shown": shown, "digest": digest, "metrics": metrics}
    if many is None:
        return line | ({"sums": sums} if sums else {})
    members = [
        {
            "seed": member.seed,
            "hyperparameters": member.varied,
            "digest": member_digest,
            "metrics": {name: each_member(value)[k] for name, value in metrics.items()},
            **({"sums": {name: value[k] for name, value in sums.items()}} if sums else {}),
        }
        for k, (member, member_digest) in enumerate(
            zip(identity.members, member_digests, strict=True)
        )
    ]
    means = {name: spread_of(each_member(value))["mean"] for name, value in metrics.items()}
    return {**line, "metrics": means, "members": members}


def figures_of(recorded: Mapping[str, Any]) -> dict[str, Any]:
    """The figures and sums of a ledger's last line; of a population, a list with one a member."""
    if "members" not in recorded:
        return {**recorded["metrics"], **recorded.get("sums", {})}
    members = [{**member["metrics"], **member.get("sums", {})} for member in recorded["members"]]
    return {name: [member[name] for member in members] for name in members[0]}


def vouched(recorded: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of `result.json` that follow from the ledger's last line."""
    fields = {**recorded["shown"], "digest": recorded["digest"], "metrics": recorded["metrics"]}
    if "members" not in recorded:
        return fields | ({"sums": recorded["sums"]} if "sums" in recorded else {})
    return {**fields, **report(recorded["members"]), "members": recorded["members"]}
