"""`prepare`: download and prepare the data that an experiment needs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from research.errors import Exit, Mistake
from research.options.catalog import Entry, catalog, load, resolve
from research.options.command import Argument, Command, Common, Context, Outcome, parse
from research.options.convert import did_you_mean
from research.options.terminal import make_console
from research.runs.other_runs import make_planned

if TYPE_CHECKING:
    from research.engine.experiment import Source


def execute(tokens: Sequence[str], context: Context) -> Outcome:
    """Prepare the data of an experiment, or one data set by its own name."""
    (name,), _ = parse(COMMAND, tokens)
    entries = catalog(context.root)
    entry = _experiment(name, entries)
    from research.data import download as preparation

    console = make_console(context.human)
    if entry is None:
        _require_known(name, entries)
        preparation.prepare_dataset(name, console)
        return Outcome({"prepared": [name]})
    named = load(entry)

    def make() -> list[Source]:
        data = make_planned(named, named.config, context).data
        return [*data.splits.values()] if data else []

    sources = preparation.prepare(make, console)
    return Outcome({"prepared": [source.name for source in sources]})


def _experiment(name: str, entries: Sequence[Entry]) -> Entry | None:
    """The experiment of that name; None where there is none, a Mistake where it is unusable."""
    known = {word for entry in entries for word in (entry.name, entry.name.rpartition("/")[2])}
    stem = name.removeprefix("experiments/").removesuffix(".py")
    return resolve(name, entries) if stem in known else None


def _require_known(name: str, entries: Sequence[Entry]) -> None:
    """Refuse what is neither an experiment nor a data set.

    Raises:
        Mistake: with the nearest names of both kinds.
    """
    from research.data import builders, prepared

    sets = {*prepared.tfds_module().list_builders(with_community_datasets=False)}
    sets |= {*builders.EMBEDDED, *builders.DOWNLOADED}
    sets |= {path.parts[0] for place in prepared.directories() for path in prepared.listing(place)}
    experiments = {entry.name.rpartition("/")[2]: entry.name for entry in entries}
    if name.partition("/")[0].partition(":")[0] in sets:
        return
    near = did_you_mean(name, [*experiments, *experiments.values(), *sets])
    raise Mistake(f"{name} is neither an experiment nor a data set that tfds knows{near}")


COMMAND = Command(
    name="prepare",
    summary="download and prepare the data that an experiment needs",
    text="""Downloads and prepares the data sets of an experiment, or one data set by its own name,
    into TFDS_DATA_DIR (~/tensorflow_datasets where that is not set), with checksums verified. What
    is already there is verified by decoding it. Data that come with Encore need no network. Files
    that an experiment makes of such data are written, and those of your own are read and
    checked.""",
    arguments=(Argument("NAME", "an experiment, or a data set as tfds spells it"),),
    options=Common,
    examples=(
        ("prepare fashion_mnist_cnn", "what this experiment needs"),
        ("prepare mnist", "one data set"),
    ),
    exits=(Exit.DAMAGED,),
    execute=execute,
    works=True,
)
