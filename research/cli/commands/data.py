"""`data`: what is in files, a folder or a prepared data set; and the same in another format."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from research.data.formats.kinds import Damage, Kind, Target
from research.engine import interrupts
from research.errors import EncoreError, Exit, Mistake
from research.options.command import Argument, Command, Common, Context, Outcome, parse
from research.options.ranges import COUNT, SEED
from research.options.terminal import make_console, spell_bytes

if TYPE_CHECKING:
    from research.data.formats.format import Format
    from research.data.naming import Named
    from research.engine.experiment import Source

_FIRST = 3
"""Examples that are shown."""


@dataclass(frozen=True)
class Options(Common):
    """Options of `data`."""

    to: Annotated[Target | None, "write all of it in this format, into the folder DIR"] = None
    shards: Annotated[int, "with --to: how many files", COUNT] = 1
    shuffle: Annotated[int | None, "with --to: a seed; the order in which its run begins", SEED] = (
        None
    )
    columns: Annotated[tuple[str, ...] | None, "only these columns [all]"] = None
    damaged: Annotated[Damage, "what to do about broken records"] = "stop"
    split: Annotated[str, "of a prepared data set, as tfds spells it [train]"] = ""
    format: Annotated[Kind | None, "of the files [by their first bytes and names]"] = None
    delimiter: Annotated[str, "CSV: between fields; tab is one [found]"] = ""
    names: Annotated[
        tuple[str, ...] | None, "CSV: of the columns, where no line of names is first"
    ] = None
    encoding: Annotated[str, "CSV and lines [utf-8, or as a byte order mark shows]"] = ""
    fields: Annotated[
        tuple[str, ...] | None, "binary: what a record is made of: label:u1,image:u1:28x28"
    ] = None

    def validate(self) -> list[str]:
        """What is wrong with the options, a message each."""
        alone = [name for name in ("shards", "shuffle") if getattr(self, name) not in (None, 1)]
        return [f"--{name} is for --to, which writes files" for name in alone if not self.to]


def execute(tokens: Sequence[str], context: Context) -> Outcome:
    """Look, or write."""
    words, options = parse(COMMAND, tokens)
    if options.to and len(words) < 2:
        raise Mistake(f"data: --to {options.to} needs a folder behind what is read: DIR is missing")
    *words, target = words if options.to else [*words, ""]
    from research.data.formats.recognising import How
    from research.data.naming import open_named

    how = How(
        options.format,
        options.delimiter,
        options.encoding,
        options.names or (),
        options.fields or (),
    )
    try:
        named = open_named(words, how, options.damaged, options.split, options.columns or ())
        if options.to:
            return _write(named, options, target, context)
        return _look(named, context)
    except EncoreError as error:
        raise error.reworded(_as_options(str(error))) from error


_ARGUMENT = re.compile(r"\b(damaged|encoding|names|columns|fields)=('?)([\w.-]+)\2")


def _as_options(message: str) -> str:
    """A message of the library, its arguments as the options that they are here."""
    message = message.replace("features=...", "columns=...").replace("...=...", "...")
    return _ARGUMENT.sub(lambda match: f"--{match[1]} {match[3]}", message)


def _look(named: Named, context: Context) -> Outcome:
    from research.cli.data_tables import print_data
    from research.data.bar import Bar
    from research.data.file_sets.summary import summarise
    from research.data.file_sets.writing import forms_of

    forms = forms_of(named.source)
    with Bar() as tell:
        summaries = summarise(named.source, forms, _FIRST, tell)
    return Outcome(print_data(named, forms, summaries, context.human))


def _write(named: Named, options: Options, target: str, context: Context) -> Outcome:
    from research.cli.data_tables import facts_of, plural
    from research.data.file_sets.manifest import read_manifest
    from research.data.file_sets.writing import write_files

    interrupts.set_ending(interrupts.LATER)
    source = named.source
    if options.shards > len(source):
        raise Mistake(f"--shards {options.shards}: {source.name} has {len(source):,} examples")
    format = _target_format(options.to, source)
    made = write_files(source, format, target, shards=options.shards, shuffle=options.shuffle)
    manifest = read_manifest(Path(target).expanduser())
    assert manifest is not None
    console = make_console(context.human)
    size = sum(each.bytes for each in manifest.files)
    console.print(
        f"{target}: {made.format.title}, {plural(len(made), 'example')} in "
        f"{plural(len(manifest.files), 'file')}, {spell_bytes(size)}",
        style="bold",
    )
    same = manifest.digest == source.digest()
    console.print(f"digest  {manifest.digest}{', that of the source' * same}", soft_wrap=True)
    facts = {"source": facts_of(named), "folder": target, "format": made.format.title}
    files = [each._asdict() for each in manifest.files]
    return Outcome({**facts, "examples": len(made), "digest": manifest.digest, "files": files})


def _target_format(to: Target | None, source: Source) -> Format:
    from research.data.file_sets.writing import forms_of
    from research.data.formats.array_records import ArrayRecord
    from research.data.formats.csv_files import CSV
    from research.data.formats.parquet import Parquet
    from research.data.formats.tfrecord import TFRecord
    from research.data.formats.writers import binary_of

    if to == "binary":
        return binary_of(forms_of(source), source.name)
    kinds: dict[str, Format] = {
        "tfrecord": TFRecord(),
        "array_record": ArrayRecord(),
        "parquet": Parquet(),
        "csv": CSV(),
    }
    return kinds[to or ""]


COMMAND = Command(
    name="data",
    summary="what is in data: files, a folder, a prepared set; and the same in another format",
    text="""Shows what data are: their format, the files with how many records each, every column
    with its type, range and missing values, the first examples, and the digest of all decoded
    content, which is part of every run that learns from them. Data are files (TFRecord,
    ArrayRecord, Parquet, CSV, binary records of one length, IDX, npy, lines of text, tar as
    WebDataset has it; compressed by gzip or not; paths, patterns, URLs), a folder of them, a folder
    of pictures with a folder for each class, a folder that --to wrote, or a data set that `prepare`
    prepared.

    All records are read and checked. The first that is broken is named with its file and place;
    --damaged skip leaves such records out and lists them.

    --to writes all examples into another format: the last word is then the folder. It holds the
    files and a manifest.json with what they are and their checksums; its digest is that of the
    source. Stopped in the middle, by whatever, the same command continues, and files that are whole
    are not written again.""",
    arguments=(
        Argument(
            "PATH", "files, a pattern, a URL, a folder or a prepared data set; with --to then DIR",
            many=True,
        ),
    ),
    options=Options,
    examples=(
        ("data houses.csv", "its columns, ranges, missing values, digest"),
        ("data 'train-*.tfrecord' --damaged skip", "all shards, and what is broken in them"),
        ("data fashion_mnist --split test", "a prepared data set"),
        ("data photos", "a folder of pictures, a folder in it for each class"),
        ("data records.bin --fields label:u1,image:u1:3x32x32:120", "CIFAR-10's binary records"),
        ("data fashion_mnist --to tfrecord clothes --shards 20 --shuffle 7", "20 shuffled shards"),
    ),
    exits=(Exit.DAMAGED, Exit.STOPPED),
    execute=execute,
    works=True,
)  # fmt: skip
