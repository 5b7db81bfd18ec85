"""What a run meets outside its identity, and whether it may go on there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from research.engine import fingerprint
from research.engine.code import changed
from research.engine.identity import Identity
from research.engine.ledger import Ledger
from research.errors import Damaged, Mistake


class Surroundings(NamedTuple):
    """What a run meets outside its identity; recorded, and compared when it goes on.

    Attributes:
        fingerprint: whatever in this environment can change bits.
        code: path -> SHA-256 of the sources that the experiment rests on.
        data: split -> digest of its decoded content, and of its form after a hyphen.
    """

    fingerprint: dict[str, str]
    code: dict[str, str]
    data: dict[str, str]


def check_header(opened: Ledger, identity: Identity, surroundings: Surroundings) -> None:
    """Refuse to continue a run as something that it is not.

    Raises:
        Damaged: the ledger belongs to another run.
        Mistake: the data or the CPU pool's size are not the ones that it was started with.
    """
    header = opened.header
    ours = identity.fields
    wrong = [n for n in Identity._fields if header.get(n) != ours.get(n)]
    if wrong:
        raise Damaged(
            f"{opened.path} belongs to another run: its {', '.join(wrong)} differ; "
            "--restart starts anew and keeps this one aside"
        )
    for split, digest, recorded in other_data(header, surroundings):
        raise Mistake(
            f"the data of split {split} are not those of this run: digest {digest[:16]}, "
            f"the run has {recorded[:16]}; point TFDS_DATA_DIR at the same data, or "
            "--restart to start anew and keep this run aside"
        )
    then, now = (
        header["fingerprint"].get(fingerprint.POOL),
        surroundings.fingerprint.get(fingerprint.POOL),
    )
    if then != now:
        raise Mistake(
            f"this run was made with a CPU pool of {then} threads and this process has {now}, "
            f"which changes bits: set NPROC={then}"
        )


def same_data(recorded: str | None, digest: str) -> bool:
    """Whether a split is what a ledger has of it; an older one has nothing of its form."""
    return recorded in (digest, digest.split("-")[0])


def other_data(
    header: Mapping[str, Any], surroundings: Surroundings
) -> Iterator[tuple[str, str, str]]:
    """Each split whose content is not that of a run, its digest now, and the run's.

    A split that is there beside all of the run's own is one that the experiment got since: it is
    evaluated on, and nothing is learned from it.
    """
    recorded = header["data"]
    got_since = bool(recorded) and recorded.keys() <= surroundings.data.keys()
    for split, digest in surroundings.data.items():
        other = not same_data(recorded.get(split), digest)
        if other and (split in recorded or not got_since):
            yield split, digest, str(recorded.get(split))


def what_changed(opened: Ledger, surroundings: Surroundings) -> list[str]:
    """Sentences on code and environment that differ from the run's last segment."""
    last: Mapping[str, Any] = opened.header
    for segment in opened.of_kind("segment"):
        last = segment
    sentences = [
        f"since this run was last at work, {what}"
        for what in changed(last["code"], surroundings.code)
    ]
    then, now = last["fingerprint"], surroundings.fingerprint
    if fingerprint.grade(then, now) is fingerprint.Grade.SLICING:
        return sentences  # Another number of devices is no change: the bits are the same.
    return sentences + fingerprint.difference(then, now)
