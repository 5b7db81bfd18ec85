"""What a run is, where it stands and what it reached: one value for a table and for a page."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args

from research.engine.result import Spread, spread
from research.engine.selection import headline

if TYPE_CHECKING:
    import numpy as np

    from research.engine.artifacts import Artifact

State = Literal["complete", "running", "stopped", "diverged", "damaged", "unreadable"]
STATES: tuple[str, ...] = get_args(State)


class Curve(NamedTuple):
    """One figure of one member over the run.

    Attributes:
        steps: int64 `[reports]`, ascending.
        values: float64 `[reports]`; NaN for an empty interval and for what is not finite.
    """

    steps: np.ndarray
    values: np.ndarray


class Member(NamedTuple):
    """One seed with one config: a run of its own, or a part of a population.

    Attributes:
        seed: its seed.
        config: every field of its config, varied hyper-parameters as this member has them.
        metrics: name -> figure, the final one or the last reported; NaN and infinities as floats,
            empty ones left out.
        varied: the fields of the config in which it differs from others of its population.
        reported_step: the step of the checkpoint that its figures are of; None for the last.
        digest: of its state where the run stands, or "".
        curves: name -> its course; only `read_run` and `with_curves` read these.
    """

    seed: int
    config: Mapping[str, Any]
    metrics: Mapping[str, float]
    varied: Mapping[str, Any] = {}
    reported_step: int | None = None
    digest: str = ""
    curves: Mapping[str, Curve] = {}


class Frames(NamedTuple):
    """What a run gave of one kind as its training went on.

    Attributes:
        title: what it is.
        steps: of each frame, ascending.
        frames: at least one.
    """

    title: str
    steps: tuple[int, ...]
    frames: tuple[Artifact, ...]


Snapshots = tuple[Mapping[str, str], ...]
"""Code or environment: name -> value, at the start and wherever a run went on after a change."""


class Provenance(NamedTuple):
    """What made a run.

    Attributes:
        code: path -> SHA-256.
        environment: entries of the fingerprint that can change bits.
        data: split -> SHA-256 of its content.
    """

    code: Snapshots = ()
    environment: Snapshots = ()
    data: Mapping[str, str] = {}


class Chain(NamedTuple):
    """What a ledger comes to.

    Attributes:
        saves: how many saves it holds.
        segments: in how many processes the run was made; 0 where that cannot be read.
        broken: what is wrong with the first line that does not fit, or "".
        last: digest of its last whole line, or "".
        code: one SHA-256 over the digests of the code's files, or "".
    """

    saves: int
    segments: int
    broken: str
    last: str
    code: str


class Run(NamedTuple):
    """A run, whole or not.

    Attributes:
        directory: where it lies.
        experiment: full name.
        config: its fields; a hyper-parameter that a population varies is a list.
        members: one, or those of a population.
        initial: digest of the parameters that it started from, or "".
        seeds: the first seed and how many.
        width: members that are computed together; None for a run of one seed.
        state: see `STATES`.
        problem: what is damaged, or "".
        step: the last one that is known of.
        steps: of the whole run; None where its files do not say.
        changed: when a line was last written, seconds since 1970.
        spreads: name -> what `result.json` of a population says of the mean over members.
        headline: name of the figure that matters by the experiment, or "" for the rule of all.
        items: what an update takes, such as `environment steps`; "" where the run does not say.
        items_per_step: how many; 0 where it does not say.
        config_digest: of the config, 12 hex digits.
        seconds: time spent on steps, or None.
        waited: what its steps waited for, as `research.engine.waiting` spells it, or None.
        digest: of the state where it stands, or "".
        fingerprint: what could change bits, by name.
        data: split -> digest of its content.
        made_by: code, data and environment; a table does without.
        chain: its ledger; None in a table, and so with what follows.
        artifacts: what it has to show.
        notes: sentences on what is missing or damaged.
    """

    directory: Path
    experiment: str
    config: Mapping[str, Any]
    members: tuple[Member, ...]
    initial: str = ""
    seeds: tuple[int, int] = (0, 1)
    width: int | None = None
    state: State = "complete"
    problem: str = ""
    step: int = 0
    steps: int | None = None
    changed: float = math.nan
    spreads: Mapping[str, Mapping[str, Any]] = {}
    headline: str = ""
    items: str = ""
    items_per_step: int = 0
    config_digest: str = ""
    seconds: float | None = None
    waited: Mapping[str, Any] | None = None
    digest: str = ""
    fingerprint: Mapping[str, str] = {}
    data: Mapping[str, str] = {}
    made_by: Provenance = Provenance()
    chain: Chain | None = None
    artifacts: Mapping[str, Artifact | Frames] = {}
    notes: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether it stands at its end."""
        return self.state == "complete"

    @property
    def all_seeds(self) -> range:
        """Every seed."""
        return range(self.seeds[0], sum(self.seeds))

    @property
    def varied(self) -> bool:
        """Whether its members differ in more than their seeds."""
        return any(member.varied for member in self.members)

    @property
    def figure(self) -> str | None:
        """The name of the figure that matters most of those that there are."""
        return headline({n for member in self.members for n in member.metrics}, self.headline)

    def values(self, name: str) -> list[float]:
        """A figure of each member that has it."""
        return [member.metrics[name] for member in self.members if name in member.metrics]

    def spread(self, name: str) -> Spread:
        """Of a figure over members that differ by seed alone: as it was recorded, else computed.

        It is computed where a member's figure is not finite, too: what it then means has one
        definition.
        """
        found = self.spreads.get(name) or {}
        parts = (found.get(part) for part in ("mean", "standard_deviation", "low", "high"))
        values = [float(value) for value in parts if isinstance(value, int | float)]
        if len(values) < 4 or not all(map(math.isfinite, values)):
            return spread(self.values(name))
        mean, deviation, low, high = values
        return Spread(len(self.members), mean, deviation, low, high, 0)
