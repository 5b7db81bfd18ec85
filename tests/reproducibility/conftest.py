"""Every named experiment at its smoke size, compiled once for all the checks on it."""

from __future__ import annotations

import dataclasses
import shlex
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest

from research.cli.main import main
from research.engine.digests import Leaves, member_digests
from research.engine.identity import Identity
from research.engine.inputs import Input, with_inputs
from research.engine.leaves import Reader
from research.engine.loop import Cadence, default_cadence
from research.engine.program import Program
from research.engine.record import Observer
from research.engine.run import Slicing, StoppedRun, launch
from research.errors import Mistake
from research.options.assembly import AS_IT_FITS, Opened, open_experiment
from research.options.catalog import ROOT, Named, catalog, load
from research.options.command import Context
from research.options.config import config_fields, runs_named
from research.options.pace import RunOptions
from research.runs.other_runs import begin
from tests.plainly import compile_plainly
from tests.reproducibility.launches import REPRESENTATIVES

PLAINLY = "plainly"
"""After the name of an experiment: it is hardly optimised."""


def maker(config: Any) -> type:
    """The class that first says how experiments of this config are made.

    Those that share it share nearly all of their code, too: a class derived from it adds to it.
    """
    owners = [owner for owner in type(config).__mro__ if "make" in vars(owner)]
    return [one for one in owners if not getattr(vars(one)["make"], "__isabstractmethod__", False)][
        -1
    ]


def plainness(named: Named) -> tuple[bool, int, int, str]:
    """The least is the plainest: an example of a mechanism, or what adds least to its maker.

    That is, whose class is derived least, and whose config differs in least from its defaults.
    """
    config = named.config
    fields = dataclasses.fields(config)
    changed = sum(getattr(config, field.name) != field.default for field in fields)
    return named.name not in REPRESENTATIVES, len(type(config).__mro__), changed, named.name


def names() -> list[Any]:
    """The plainest experiment of each maker, and in the slow set all of them.

    The former are compiled plainly: what hangs on how a run is cut does so then as well. What rests
    on the compiler is tested by the slow set, and of the examples of the mechanisms by the other
    files of this folder.
    """
    plainest = dict[type, Named]()
    for named in map(load, catalog()):
        made_by = maker(named.config)
        plainest[made_by] = min(named, plainest.get(made_by, named), key=plainness)
    slow = (pytest.param(entry.name, marks=pytest.mark.slow) for entry in catalog())
    return [*(f"{named.name} {PLAINLY}" for named in plainest.values()), *slow]


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
                Observer(),
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
    return begin(own, config, options, Context(sys.stderr)).run.inputs


@contextmanager
def opened_or_skipped(
    named: Named, config: Any, inputs: Mapping[str, Input] = MappingProxyType({})
) -> Iterator[Opened]:
    """As `open_experiment`; where its data set is not prepared here, the test is skipped."""
    with ExitStack() as stack:
        try:
            opened = open_experiment(named, config, AS_IT_FITS, ROOT, inputs=inputs)
            ready = stack.enter_context(opened)
        except Mistake as missing:
            if "TFDS_DATA_DIR" not in str(missing):
                raise
            pytest.skip(f"{named.name}: its data set is not prepared here")
        yield ready


@pytest.fixture(scope="module", params=names())
def subject(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Subject]:
    name, _, how = request.param.partition(" ")
    named = load(next(entry for entry in catalog() if entry.name == name))
    config = named.config.smoke()
    with compile_plainly() if how == PLAINLY else nullcontext():
        inputs = inputs_of(named, config, tmp_path_factory.mktemp("inputs"))
        with opened_or_skipped(named, config, inputs) as ready:
            yield Subject(named, config, ready, inputs)


def digest(leaves: Leaves) -> list[str]:
    """Of one run, as of a population of one."""
    return member_digests({name: leaf[None] for name, leaf in leaves.items()})


def trained(program: Program, seed: int) -> Leaves:
    """The leaves at the end of a run, cut into two slices."""
    carry, steps = program.initial(seed), program.experiment.steps
    for start, stop in ((0, steps // 3), (steps // 3, steps)):
        for window in program.windows(seed, start, stop):
            bounds = window.start, window.stop
            carry = program.advance(carry, window.arrays, *bounds, fresh=False, halt=True)
    return program.leaves(carry, Reader())
