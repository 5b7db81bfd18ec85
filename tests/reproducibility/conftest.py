"""Every named experiment at its smoke size, compiled once for all the checks on it."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest

from research.cli.main import main
from research.engine.identity import Identity
from research.engine.inputs import Input, with_inputs
from research.engine.loop import Cadence, default_cadence
from research.engine.record import Silence
from research.engine.run import Slicing, StoppedRun, launch
from research.errors import Mistake
from research.options.assembly import Opened, open_experiment
from research.options.catalog import ROOT, Named, catalog, load
from research.options.command import Context
from research.options.config import Config, config_fields, runs_named
from research.options.pace import RunOptions
from research.runs.other_runs import begin


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
    inputs: Mapping[str, Input] = MappingProxyType({})

    @property
    def identity(self) -> Identity:
        own = Identity(self.named.name, config_fields(self.config), 0)
        return with_inputs(own, self.inputs)

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
                inputs=self.inputs,
            )
        except StoppedRun as stopped:
            return stopped.result


def inputs_of(named: Named, config: Any, runs_dir: Path) -> Mapping[str, Input]:
    """The states of other runs that an experiment is given; those runs are made first."""
    for name in runs_named(config):
        words = shlex.split(getattr(config, name))
        assert main(["run", *words, "--runs-dir", str(runs_dir), "--no-report"]) == 0
    own = Identity(named.name, config_fields(config), 0)
    options = RunOptions(runs_dir=str(runs_dir))
    return begin(own, config, options, Context(sys.stderr)).inputs


@contextmanager
def opened_or_skipped(
    named: Named, config: Any, inputs: Mapping[str, Input] = MappingProxyType({})
) -> Iterator[Opened]:
    """As `open_experiment`; where its data set is not prepared here, the test is skipped."""
    with ExitStack() as stack:
        try:
            ready = stack.enter_context(open_experiment(named, config, "auto", ROOT, inputs=inputs))
        except Mistake as missing:
            if "TFDS_DATA_DIR" not in str(missing):
                raise
            pytest.skip(f"{named.name}: its data set is not prepared here")
        yield ready


@pytest.fixture(scope="module", params=names())
def subject(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Subject]:
    entry = next(entry for entry in catalog() if entry.name == request.param)
    named = load(entry)
    config = named.config.smoke()
    inputs = inputs_of(named, config, tmp_path_factory.mktemp("inputs"))
    with opened_or_skipped(named, config, inputs) as ready:
        yield Subject(named, config, ready, inputs)
