"""An experiment with its data, ready for the engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from research.errors import Mistake
from research.options.catalog import Named, catalog, load, resolve
from research.options.config import floats, runs_named
from research.options.configure import config_from
from research.options.making import told_as_mistakes
from research.options.pace import ONE_PROCESS
from research.options.ranges import flag
from research.options.terminal import spell_bytes

if TYPE_CHECKING:
    import jax

    from research.engine.experiment import Experiment, Feed, Needs, State
    from research.engine.identity import Identity, Member
    from research.engine.inputs import Input, Source
    from research.engine.opening import Surroundings
    from research.engine.population import Population
    from research.engine.processes import Channel
    from research.engine.program import Program


class Opened(NamedTuple):
    """What the engine needs of an experiment.

    The states of other runs are in `experiment.inputs`.
    """

    experiment: Experiment
    program: Program
    surroundings: Surroundings


class Delivery(NamedTuple):
    """How data reaches the steps: no part of a run's identity, nor of its bits.

    Attributes:
        placement: whether it lies on the device.
        workers: how many read it where it does not.
        worker_kind: what they are.
        process: which of `processes` this is, that each read their share of a batch.
        processes: how many there are.
    """

    placement: Literal["auto", "resident", "streamed"] = "auto"
    workers: int = 2
    worker_kind: Literal["threads", "processes"] = "threads"
    process: int = 0
    processes: int = 1


AS_IT_FITS = Delivery()
"""On the device where it fits there; all of it is read here."""


class Launch(NamedTuple):
    """A run to be started, continued or made again.

    Attributes:
        identity: what run it is.
        directory: where it lies, or will lie.
        inputs: name -> state of another run that it is given.
        files: field of the config -> path of the user's own file that it stands for.
    """

    identity: Identity
    directory: Path
    inputs: Mapping[str, Input]
    files: Mapping[str, str]


@contextmanager
def open_experiment(
    named: Named,
    config: Any,
    delivery: Delivery,
    root: Path,
    make_program: Callable[[Experiment, Feed], Program] | None = None,
    patience: int = 0,
    note: Callable[[str], None] = lambda text: None,
    inputs: Mapping[str, Input] = MappingProxyType({}),
) -> Iterator[Opened]:
    """Make the experiment and open its data for as long as the context lasts.

    `make_program` None makes the program of one seed on one device. `note` gets what to know of the
    cache of compiled programs. `inputs` maps a field of the config to the state of the run that it
    names.

    Raises:
        Mistake: the data are not there, or nothing is evaluated by which patience could end.
    """
    from research.data.feed import open_feed
    from research.data.file_sets.skipped import with_skipped
    from research.data.stream import Share
    from research.engine import compilation_cache
    from research.engine.environment import quiet_libraries
    from research.engine.fingerprint import code_digest, fingerprint
    from research.engine.opening import Surroundings
    from research.engine.program import Program

    quiet_libraries()
    compilation_cache.enable(note)
    experiment = with_skipped(make_given(named, config, inputs, root))
    placement, workers, kind, *share = delivery
    feed = open_feed(
        experiment.data, placement, workers=workers, worker_kind=kind, share=Share(*share)
    )
    try:
        if patience:
            experiment = _with_patience(named, experiment, feed, patience)
        surroundings = Surroundings(
            fingerprint(), code_digest(named.path, root), dict(feed.digests())
        )
        with told_as_mistakes(named.name, config, named.path.parent):
            program = (make_program or Program)(experiment, feed)
        complete = False
        try:
            yield Opened(experiment, program, surroundings)
            complete = True
        finally:
            program.close(complete=complete)
    finally:
        feed.close()


def make_given(
    named: Named,
    config: Any,
    inputs: Mapping[str, Input],
    root: Path,
    needs: Needs | None = None,
) -> Experiment:
    """An experiment, its `inputs` being the states of the runs that it names, for its offers too.

    `inputs` maps a field of the config to the state of the run that it names; `needs` is what the
    run kept, of an experiment that is only used.

    Raises:
        Mistake: the other run's code has changed, or its data are not those of this experiment.
    """
    from research.engine.inputs import INITIAL
    from research.engine.stored import rebuild_state

    sources, states = {}, {}
    for name, given in inputs.items():
        if name != INITIAL:
            sources[name], shapes = source_of(given.origin, given.needs, root)
            states[name] = rebuild_state(given.leaves, shapes, Path(given.origin["run"]))
    experiment = named.make(config, needs, sources)
    ours = _data_sets(experiment)
    for name, mark in runs_named(config).items():
        theirs = _data_sets(sources[name].experiment) if name in sources else set()
        if mark.same_data and theirs and not theirs & ours:
            raise Mistake(
                f"{flag(name)}: {sources[name].run} learned from {' and '.join(sorted(theirs))}, "
                f"and this experiment has {' and '.join(sorted(ours))}"
            )
    if not states:
        return experiment
    offers = {name: make(states) for name, make in experiment.offers.items()}
    return experiment._replace(inputs=states, offers=offers)


def source_of(origin: Mapping[str, Any], needs: Needs | None, root: Path) -> tuple[Source, State]:
    """A run that another is given a state of, and the shapes of such a state."""
    from research.engine.experiment import state_shapes
    from research.engine.identity import from_fields
    from research.engine.inputs import Source

    identity = from_fields(origin["identity"])
    named = named_of(identity, root)
    above = {name: source_of(one, None, root) for name, one in origin.get("inputs", {}).items()}
    config = config_from(named, identity.config | identity.members[origin.get("member", 0)].varied)
    experiment = named.make(config, needs, {name: source for name, (source, _) in above.items()})
    shapes = state_shapes(experiment, {name: shapes for name, (_, shapes) in above.items()})
    return Source(origin["run"], config, experiment), shapes


def _data_sets(experiment: Experiment) -> set[str]:
    """The names of the data sets of its splits: `fashion_mnist/3.0.1`."""
    splits = experiment.data.splits.values() if experiment.data else ()
    return {source.name.split(" ")[0] for source in splits}


def _with_patience(named: Named, experiment: Experiment, feed: Feed, patience: int) -> Experiment:
    from research.engine.selection import figure_names, with_patience

    names = figure_names(experiment, feed, experiment.watched)
    patient = with_patience(experiment, names, patience)
    if patient.selection is None:
        raise Mistake(
            f"--patience {patience}: {named.name} evaluates nothing during a run of which a larger "
            "or a smaller figure is known to be better"
        )
    return patient


@contextmanager
def open_run(
    run: Launch,
    delivery: Delivery,
    root: Path,
    *,
    devices: int = 1,
    members: Sequence[int] | None = None,
    channel: Channel | None = None,
    note: Callable[[str], None] = lambda text: None,
) -> Iterator[Opened]:
    """As `open_experiment`, with the program of a run: of its one seed, or of its population.

    Members of a population are spread over devices first, then the groups of a batch; `members`
    None are all. With a `channel`, all devices of all processes are used.

    Raises:
        Mistake: the experiment is gone, the data are not there, or some devices would have nothing
            to do.
    """
    import jax

    from research.engine.processes import Leader
    from research.engine.program import Program

    identity = run.identity
    named = named_of(identity, root)

    if channel is not None and identity.population is not None:
        raise Mistake(ONE_PROCESS)
    used = jax.devices()[:devices] if channel is None else channel.devices

    def make_program(experiment: Experiment, feed: Feed) -> Program:
        if channel is not None and channel.leads:
            return Leader(experiment, feed, used, channel)
        if identity.population is None:
            return Program(experiment, feed, used)
        return _population(named, run, experiment, feed, used, members)

    config = _config_of(named, run, identity.members[0])
    if channel is not None:
        delivery = delivery._replace(process=channel.index, processes=channel.count)
    with open_experiment(
        named, config, delivery, root, make_program, identity.patience, note, run.inputs
    ) as ready:
        if channel is not None:
            _check_alike(channel, ready.surroundings)
        yield ready


def _check_alike(channel: Channel, surroundings: Surroundings) -> None:
    """Refuse processes whose hardware, packages, code or data are not those of the first."""
    from research.engine.fingerprint import difference

    everyone = channel.agree("surroundings", surroundings._asdict())
    for number, other in enumerate(everyone):
        first = everyone[0]
        unlike = difference(first["fingerprint"], other["fingerprint"])
        unlike += [f"other {what}" for what in ("code", "data") if first[what] != other[what]]
        if unlike:
            raise Mistake(
                f"process {number} is not like the first, and its bits could differ: "
                f"{'; '.join(unlike)}"
            )


def _population(
    named: Named,
    run: Launch,
    experiment: Experiment,
    feed: Feed,
    devices: Sequence[jax.Device],
    members: Sequence[int] | None,
) -> Population:
    from research.engine.population import Population, Seeded

    identity = run.identity
    assert identity.population is not None
    values: dict[tuple[float, ...], Mapping[str, float]] = {}
    for member in identity.members:
        varied = tuple(member.varied.values())
        if varied not in values:
            values[varied] = floats(_config_of(named, run, member))
    seeded = [
        Seeded(member.seed - identity.seed, values[tuple(member.varied.values())])
        for member in identity.members
    ]
    if members is not None:
        seeded = [seeded[k] for k in members]
    population = Population(experiment, feed, seeded, identity.population.width, devices)
    _check_memory(population, devices)
    return population


def _check_memory(population: Population, devices: Sequence[jax.Device]) -> None:
    """Refuse members that cannot lie in memory together, before any of them is made.

    Raises:
        Mistake: with what they need, and what there is.
    """
    import jax

    from research.engine.environment import available_memory

    leaves = jax.tree.leaves(population.shapes)
    needed = sum(leaf.size * leaf.dtype.itemsize for leaf in leaves)
    limits = [(device.memory_stats() or {}).get("bytes_limit") for device in devices]
    if devices[0].platform == "cpu":
        limits = [available_memory()]
    there_is = sum(limit for limit in limits if limit)
    if there_is and needed > there_is:
        raise Mistake(
            f"{population.members:,} members need {spell_bytes(needed)} together, and there "
            f"are {spell_bytes(there_is)}: make --seeds smaller, or make several runs, each "
            "with seeds of its own (--seed S --seeds N)"
        )


def _config_of(named: Named, run: Launch, member: Member) -> Any:
    return config_from(named, run.identity.config | dict(run.files) | member.varied)


def named_of(identity: Identity, root: Path) -> Named:
    """The experiment that a run is of.

    Raises:
        Mistake: the experiment is gone.
    """
    return load(resolve(identity.experiment, catalog(root)))
