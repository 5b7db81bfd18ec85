"""Every named experiment at its smoke size, compiled once for all the checks on it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from research.engine.identity import Identity
from research.engine.loop import Cadence, default_cadence
from research.engine.record import Silence
from research.engine.run import Slicing, StoppedRun, launch
from research.errors import Mistake
from research.options.assembly import Opened, open_experiment
from research.options.catalog import ROOT, Named, catalog, load
from research.options.config import Config, config_fields


def maker(config: Any) -> type:
    """The class that first says how experiments of this config are made.

    Those that share it share nearly all of their code, too: a class derived from it adds to it.
    """
    owners = [owner for owner in type(config).__mro__ if "make" in vars(owner)]
    return [owner for owner in owners if owner is not Config][-1]


def names() -> list[Any]:
    """All experiments; of those that share their maker all but the first are marked as slow."""
    first: dict[type, str] = {}
    found = []
    for entry in catalog():
        quick = first.setdefault(maker(load(entry).config), entry.name) == entry.name
        marks = () if quick else pytest.mark.slow
        found.append(pytest.param(entry.name, marks=marks))
    return found


class Subject(NamedTuple):
    """An experiment under test."""

    named: Named
    config: Any
    opened: Opened

    @property
    def identity(self) -> Identity:
        return Identity(self.named.name, config_fields(self.config), 0)

    @property
    def cadence(self) -> Cadence:
        experiment = self.opened.experiment
        return default_cadence(experiment.steps, experiment.evaluate_every)

    def run(
        self, directory: Path, cadence: Cadence | None = None, until: int | None = None
    ) -> dict[str, Any]:
        """The result, whole or so far."""
        slicing = Slicing(cadence or self.cadence, until=until)
        try:
            return launch(
                self.opened.program,
                self.identity,
                directory,
                self.opened.surroundings,
                slicing,
                Silence(),
            )
        except StoppedRun as stopped:
            return stopped.result


@contextmanager
def opened_or_skipped(named: Named, config: Any) -> Iterator[Opened]:
    """As `open_experiment`; where its data set is not prepared here, the test is skipped."""
    with ExitStack() as stack:
        try:
            ready = stack.enter_context(open_experiment(named, config, "auto", ROOT))
        except Mistake as missing:
            if "TFDS_DATA_DIR" not in str(missing):
                raise
            pytest.skip(f"{named.name}: its data set is not prepared here")
        yield ready


@pytest.fixture(scope="module", params=names())
def subject(request: pytest.FixtureRequest) -> Iterator[Subject]:
    entry = next(entry for entry in catalog() if entry.name == request.param)
    named = load(entry)
    config = named.config.smoke()
    with opened_or_skipped(named, config) as ready:
        yield Subject(named, config, ready)
