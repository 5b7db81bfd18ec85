"""What a person names: files, a pattern, a URL, a folder, or a prepared data set."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from research.data import builders, prepared
from research.data.bar import Bar
from research.data.file_sets.files import Files
from research.data.file_sets.manifest import Manifest, check_files, files_of, read_manifest
from research.data.file_sets.shards import find_shards
from research.data.file_sets.writing import STATE
from research.data.formats.array_records import ArrayRecord
from research.data.formats.csv_files import CSV
from research.data.formats.kinds import Damage, kind_of_name
from research.data.formats.parquet import Parquet
from research.data.formats.pictures import Pictures, classes_in
from research.data.formats.recognising import How, find_format
from research.data.formats.tar_shards import Tar
from research.data.formats.tfrecord import TFRecord
from research.data.tfds_split import TfdsSplit
from research.errors import Mistake
from research.options.convert import did_you_mean


class Named(NamedTuple):
    """What was named.

    Attributes:
        source: its examples.
        manifest: of a folder that `write_files` made, whose checksums were compared.
    """

    source: Files | TfdsSplit
    manifest: Manifest | None = None


def open_named(
    words: Sequence[str],
    how: How,
    damaged: Damage = "stop",
    split: str = "",
    columns: Sequence[str] = (),
) -> Named:
    """The source that words on a command line name.

    Args:
        words: paths, patterns, URLs or a folder; or one name as tfds spells it.
        how: how files are read, as far as it is named.
        damaged: as `Files.damaged`.
        split: of a prepared data set; "" for `train`.
        columns: those wanted; all where none is named.

    Raises:
        Mistake: there is nothing of this name, or its format is not known.
        Damaged: a folder's files are not those of its manifest.
    """
    first = Path(words[0]).expanduser()
    is_name = "://" not in words[0] and not any(sign in words[0] for sign in "*?[")
    if len(words) == 1 and is_name and not first.exists():
        source = _prepared(words[0], split or "train")
        how.require_unused(f"{words[0]} is a prepared data set")
        if damaged != "stop":
            raise Mistake(f"--damaged is of no use here: {words[0]} is a prepared data set")
        return Named(dataclasses.replace(source, features=tuple(columns)))
    if split:
        raise Mistake(f"--split is for prepared data sets, and {words[0]} names files")
    if len(words) > 1 or not first.is_dir():
        named = Named(_files(words, how, damaged))
    else:
        named = _folder(first, words[0].rstrip("/"), how, damaged)
    assert isinstance(named.source, Files)
    return named._replace(source=_choose(named.source, columns)) if columns else named


def _files(paths: Sequence[str], how: How, damaged: Damage) -> Files:
    format = find_format(find_shards(paths), how)
    return Files(paths[0] if len(paths) == 1 else tuple(paths), format, damaged)


def _choose(files: Files, columns: Sequence[str]) -> Files:
    """The files with some of the columns that the first of them has."""
    first = next(iter([name for name, size in files.sizes.items() if size] or files.sizes))
    forms = dataclasses.replace(files, paths=first).forms
    for name in columns:
        if name not in forms:
            near = did_you_mean(name, forms) or f"; it has {', '.join(forms)}"
            raise Mistake(f"{first} has no column {name}{near}")
    chosen = {name: forms[name] for name in columns}
    format = files.format
    if isinstance(format, TFRecord | ArrayRecord):
        return dataclasses.replace(files, format=dataclasses.replace(format, features=chosen))
    if isinstance(format, CSV | Parquet | Tar):
        return dataclasses.replace(files, format=dataclasses.replace(format, columns=chosen))
    if chosen != forms:
        raise Mistake(f"of {format.title} all columns are read: {', '.join(forms)}")
    return files


def _prepared(name: str, split: str) -> TfdsSplit:
    """A prepared data set; where there is none of this name, what there is instead."""
    try:
        known = prepared.parse(name).name
    except Mistake:
        known = ""  # the name of a file, such as houses.csv
    if known and (prepared.find(name) or known in builders.EMBEDDED):
        return TfdsSplit(name, split)
    if known and known in prepared.known_names():
        raise prepared.missing(name)
    held = {path.parts[0] for above in prepared.directories() for path in prepared.listing(above)}
    above = Path(name).expanduser().absolute().parent
    beside = {path.name for path in above.iterdir()} if above.is_dir() else set()
    near = did_you_mean(Path(name).name, beside | ({*held, *builders.EMBEDDED} if known else set()))
    raise Mistake(f"there is no file {name}, and no prepared data set of this name{near}")


def _folder(folder: Path, spelled: str, how: How, damaged: Damage) -> Named:
    if (manifest := read_manifest(folder.absolute())) is not None:
        how.require_unused(f"{folder / 'manifest.json'} has it")
        files_of(folder.absolute(), manifest)
        with Bar() as tell:
            check_files(folder, manifest, tell)
        files = files_of(Path(spelled), manifest)
        return Named(dataclasses.replace(files, damaged=damaged), manifest)
    if (folder / STATE).exists():
        raise Mistake(
            f"{folder} is not whole: files are being written there, or that was stopped. The "
            "command that began it continues."
        )
    if (folder / "dataset_info.json").exists():
        raise Mistake(
            f"{folder} is a data set that tfds prepared: name it as tfds does (mnist, "
            "mnist:3.0.1), with TFDS_DATA_DIR set to the folder that holds it"
        )
    there = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    inside = [each for path in there if path.is_dir() for each in path.iterdir()]
    loose = [path for path in there if path.is_file()]
    pictures = sorted({path.suffix for path in inside if kind_of_name(path.name) == "pictures"})
    if pictures and not loose and how.kind in (None, "pictures"):
        paths = tuple(f"{spelled}/*/*{suffix}" for suffix in pictures)
        format = Pictures(classes_in(spelled))
        return Named(Files(paths[0] if len(paths) == 1 else paths, format, damaged))
    kinds = Counter(kind_of_name(path.name) or path.suffix for path in loose)
    if not loose:
        raise Mistake(f"{folder} holds no files{' but folders' * bool(there)}; name some files")
    if len(kinds) > 1:
        found = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
        raise Mistake(
            f"{folder} holds files of several kinds ({found}): name those to be read, for example "
            f"by '{spelled}/*{loose[0].suffix}'"
        )
    hidden = any(path.name.startswith(".") for path in folder.iterdir())
    return Named(_files([f"{spelled}/{'[!.]' * hidden}*"], how, damaged))
