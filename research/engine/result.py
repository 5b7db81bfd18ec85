"""What `result.json` says: a run's figures, and those of a population with their spread."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from research.engine.identity import Identity
from research.engine.selection import each_member
from research.engine.spread import report, spread_of


def shown(identity: Identity, step: int, *, complete: bool, early: bool) -> dict[str, Any]:
    """What run it is and where it stands: the part that the ledger's last word repeats."""
    fields: dict[str, Any] = {
        "experiment": identity.experiment,
        "config_digest": identity.config_digest,
        "seed": identity.seed,
        "step": step,
        "complete": complete,
    }
    if early:
        fields["stopped_early"] = True
    if identity.population is not None:
        fields |= {"seeds": identity.population.seeds, "width": identity.population.width}
    return fields


def last_word(
    identity: Identity,
    shown: Mapping[str, Any],
    digest: str,
    metrics: Mapping[str, Any],
    member_digests: Sequence[str],
) -> dict[str, Any]:
    """What the ledger says of a finished run, and `result.json` after it.

    Args:
        identity: the run's.
        shown: as the function of that name gives it.
        digest: of the whole state.
        metrics: figures as JSON values; lists, in a population.
        member_digests: of a population.
    """
    word = {"shown": shown, "digest": digest, "metrics": metrics}
    if identity.population is None:
        return word
    members = [
        {
            "seed": member.seed,
            "hyperparameters": member.varied,
            "digest": member_digest,
            "metrics": {name: each_member(value)[k] for name, value in metrics.items()},
        }
        for k, (member, member_digest) in enumerate(
            zip(identity.members, member_digests, strict=True)
        )
    ]
    means = {name: spread_of(each_member(value))["mean"] for name, value in metrics.items()}
    return {**word, "metrics": means, "members": members}


def figures_of(recorded: Mapping[str, Any]) -> dict[str, Any]:
    """The figures of a ledger's last word; of a population, a list with one a member."""
    if "members" not in recorded:
        return dict(recorded["metrics"])
    return {
        name: [member["metrics"][name] for member in recorded["members"]]
        for name in recorded["metrics"]
    }


def vouched(recorded: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of `result.json` that follow from the ledger's last word."""
    fields = {**recorded["shown"], "digest": recorded["digest"], "metrics": recorded["metrics"]}
    if "members" not in recorded:
        return fields
    return {**fields, **report(recorded["members"]), "members": recorded["members"]}
