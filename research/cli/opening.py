"""An experiment with its data, ready for the engine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from research.cli.catalog import Named, catalog, load, resolve
from research.cli.configure import config_from
from research.errors import Mistake

if TYPE_CHECKING:
    from research.engine.experiment import Experiment
    from research.engine.identity import Identity, Member
    from research.engine.population import Population
    from research.engine.program import Program
    from research.engine.surroundings import Surroundings


class Opened(NamedTuple):
    """What the engine needs of an experiment.

    Attributes:
        experiment: its functions and facts.
        program: the experiment with its feed, compiled as it is used.
        surroundings: environment, code and data, for the ledger.
    """

    experiment: Experiment
    program: Program
    surroundings: Surroundings


@contextmanager
def opened(
    named: Named, config: Any, mode: Literal["auto", "resident", "streamed"], root: Path
) -> Iterator[Opened]:
    """Make the experiment and open its data for as long as the context lasts.

    Args:
        named: the experiment.
        config: its config.
        mode: `auto`, `resident` or `streamed`.
        root: the folder that holds `experiments/`.

    Raises:
        Mistake: the data are not there.
    """
    from research.data.feed import open_feed
    from research.engine.code import code_digest
    from research.engine.environment import quiet_libraries
    from research.engine.fingerprint import fingerprint
    from research.engine.program import Program
    from research.engine.surroundings import Surroundings

    quiet_libraries()
    experiment = named.make(config)
    feed = open_feed(experiment.data, mode)
    try:
        surroundings = Surroundings(
            fingerprint(), code_digest(named.path, root), dict(feed.digests())
        )
        yield Opened(experiment, Program(experiment, feed), surroundings)
    finally:
        feed.close()


@contextmanager
def opened_run(
    named: Named,
    identity: Identity,
    mode: Literal["auto", "resident", "streamed"],
    root: Path,
    *,
    devices: int = 1,
    members: Sequence[int] | None = None,
) -> Iterator[Opened]:
    """As `opened`, with the program of a run: of its one seed, or of its population.

    Args:
        named: the experiment.
        identity: what run of it.
        mode: `auto`, `resident` or `streamed`.
        root: the folder that holds `experiments/`.
        devices: how many to spread the members of a population over.
        members: which members of a population the program has; None for all.

    Raises:
        Mistake: the data are not there, or a run of one seed is to have several devices.
    """
    with opened(named, _config_of(named, identity, identity.members[0]), mode, root) as ready:
        if identity.population is None:
            if devices > 1:
                raise Mistake(
                    f"--devices {devices}: one seed runs on one device; a population "
                    "(--seeds N, or several values of a float) is spread over several"
                )
            yield ready
            return
        population = _population(named, identity, ready, devices, members)
        try:
            yield ready._replace(program=population)
        finally:
            population.close()


def _population(
    named: Named,
    identity: Identity,
    ready: Opened,
    devices: int,
    members: Sequence[int] | None,
) -> Population:
    import jax

    from research.engine.population import Population, Seeded

    assert identity.population is not None
    width = identity.population.width
    values: dict[tuple[float, ...], Mapping[str, float]] = {}
    for member in identity.members:
        varied = tuple(member.varied.values())
        if varied not in values:
            values[varied] = named.make(_config_of(named, identity, member)).hyperparameters
    seeded = [
        Seeded(member.seed - identity.seed, values[tuple(member.varied.values())])
        for member in identity.members
    ]
    if members is not None:
        seeded = [seeded[k] for k in members]
    blocks = -(-len(seeded) // width)
    used = jax.devices()[: min(devices, blocks)]
    return Population(ready.experiment, ready.program.feed, seeded, width, used)


def _config_of(named: Named, identity: Identity, member: Member) -> Any:
    return config_from(named, identity.config | member.varied)


def named_of(identity: Identity, root: Path) -> Named:
    """The experiment that a run is of.

    Raises:
        Mistake: the experiment is gone.
    """
    return load(resolve(identity.experiment, catalog(root)))
