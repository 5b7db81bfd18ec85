"""An experiment with its data, ready for the engine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from research.cli.catalog import Named, catalog, load, resolve
from research.cli.configure import config_from

if TYPE_CHECKING:
    from research.engine.experiment import Experiment
    from research.engine.identity import Identity
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


def named_of(identity: Identity, root: Path) -> tuple[Named, Any]:
    """The experiment that a run is of, and its config, from the run's identity.

    Raises:
        Mistake: the experiment is gone, or has lost an option that the run has.
    """
    named = load(resolve(identity.experiment, catalog(root)))
    return named, config_from(named, identity.config)
