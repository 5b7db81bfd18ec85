"""The manifest of a folder that `write_files` made: what its files are, and their checksums.

<folder>/part-00000-of-00003.tfrecord
         part-00001-of-00003.tfrecord
         part-00002-of-00003.tfrecord
         manifest.json     written last: a folder that has it is whole
"""

from __future__ import annotations

import glob
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from research.data.file_sets.files import Files
from research.data.file_sets.plain import Tell
from research.data.formats.array_records import ArrayRecord
from research.data.formats.csv_files import CSV
from research.data.formats.fixed import Field, Fixed
from research.data.formats.format import Format, Forms, forms_from_json, forms_to_json
from research.data.formats.parquet import Parquet
from research.data.formats.tfrecord import TFRecord
from research.engine.durable import write_file
from research.errors import Damaged

NAME = "manifest.json"
VERSION = 1


class WrittenFile(NamedTuple):
    """A file of the set.

    Attributes:
        name: within the folder.
        records: how many it holds.
        bytes: its size.
        sha256: of its bytes, hex.
    """

    name: str
    records: int
    bytes: int
    sha256: str


class Manifest(NamedTuple):
    """What is known of a folder that was written.

    Attributes:
        plan: what decided on it, as JSON values: digest of the source, format, shards, shuffle.
        source: what the source was called.
        format: which reads the files.
        forms: of the columns.
        files: in the order of their examples.
        digest: as `research.data.columns.digest`, of all examples as they were written.
    """

    plan: Mapping[str, Any]
    source: str
    format: Format
    forms: Forms
    files: tuple[WrittenFile, ...]
    digest: str


def save_manifest(folder: Path, manifest: Manifest) -> None:
    """Write `manifest.json`, whole or not at all."""
    values = {
        "version": VERSION,
        "source": manifest.source,
        "format": manifest.format.title,
        "settings": manifest.format.settings(),
        "forms": forms_to_json(manifest.forms),
        "records": sum(each.records for each in manifest.files),
        "digest": manifest.digest,
        "plan": manifest.plan,
        "files": [each._asdict() for each in manifest.files],
    }
    write_file(folder / NAME, json.dumps(values, indent=1) + "\n")


def read_manifest(folder: Path) -> Manifest | None:
    """The manifest of a folder; None where there is none.

    Raises:
        Damaged: it cannot be read, or is of another version.
    """
    path = folder / NAME
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if values["version"] != VERSION:
            raise Damaged(
                f"{path} is of version {values['version']}, and this Encore reads {VERSION}: "
                "write the files anew, into another folder"
            )
        return Manifest(
            values["plan"],
            values["source"],
            _format_from(values["format"], values["settings"]),
            forms_from_json(values["forms"]),
            tuple(WrittenFile(**each) for each in values["files"]),
            values["digest"],
        )
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Damaged(
            f"{path} cannot be read as a manifest ({type(error).__name__}: {error}): write the "
            "files anew, into another folder; or name the files themselves"
        ) from None


def files_of(folder: Path, manifest: Manifest) -> Files:
    """The files as a source.

    Raises:
        Damaged: one is missing, or has another size.
    """
    for each in manifest.files:
        path = folder / each.name
        size = path.stat().st_size if path.is_file() else -1
        if size != each.bytes:
            what = f"{size:,} bytes long, and was {each.bytes:,}" if size >= 0 else "missing"
            raise Damaged(
                f"{path} is {what} when it was written: get it anew, or remove the folder and "
                "write it again"
            )
    pattern = manifest.files[0].name.replace("-00000-", "-*-", 1)
    return Files(f"{glob.escape(str(folder))}/{pattern}", manifest.format)


def check_files(folder: Path, manifest: Manifest, tell: Tell) -> None:
    """Compare the content of all files with their checksums.

    Raises:
        Damaged: one differs; it is named.
    """
    for number, each in enumerate(manifest.files):
        tell(f"checking {each.name}", number, len(manifest.files))
        if checksum(folder / each.name) != each.sha256:
            raise Damaged(
                f"{folder / each.name} is not as it was written: its SHA-256 is another than in "
                f"{NAME}. Get it anew, or remove the folder and write it again."
            )


def checksum(path: Path) -> str:
    """SHA-256 (hex) of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _format_from(title: str, settings: Mapping[str, Any]) -> Format:
    """The inverse of a format's title and `settings()`, of those that are written."""
    if title in (TFRecord.title, ArrayRecord.title):
        kind = TFRecord if title == TFRecord.title else ArrayRecord
        return kind(forms_from_json(settings["features"]), settings["content"])
    if title == Fixed.title:
        fields = {
            name: Field(dtype, tuple(shape), tuple(axes))
            for name, dtype, shape, axes in settings["fields"]
        }
        return Fixed(fields, settings["head"])
    columns = forms_from_json(settings["columns"])
    if title == Parquet.title:
        return Parquet(columns)
    if title != CSV.title:
        raise ValueError(f"there is no format {title!r}")
    lists = {name: tuple(settings[name]) for name in ("names", "missing")}
    return CSV(**{**settings, "columns": columns, **lists})
