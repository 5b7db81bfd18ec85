"""Prepared tfds data sets: found on disk, never downloaded; read without TensorFlow."""

from __future__ import annotations

import dataclasses
import difflib
import functools
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from research.data import builders
from research.data import cache as decoded_cache
from research.data.columns import Columns, Form, flatten, from_examples
from research.data.storage import data_directories
from research.errors import Damaged, Mistake
from research.places import cache_directory

_VERSION = re.compile(r"\d+\.\d+\.\d+")
_NAME = re.compile(
    r"(?P<name>[A-Za-z]\w*)(/(?P<config>[^/:]+))?(:(?P<version>\d+\.\d+\.\d+))?", re.ASCII
)
_CHUNK = 1024


class Reference(NamedTuple):
    """A data set as tfds spells it: `name`, `name/config`, `name:1.0.0`, `name/config:1.0.0`."""

    name: str
    config: str | None
    version: str | None


def parse(text: str) -> Reference:
    """The parts of a data set's name.

    Raises:
        Mistake: if it is not one.
    """
    match = _NAME.fullmatch(text)
    if match is None:
        raise Mistake(
            f"{text!r} is not the name of a tfds data set. They look like mnist, mnist:3.0.1 or "
            "imdb_reviews/plain_text."
        )
    return Reference(match["name"], match["config"], match["version"])


def directories() -> list[Path]:
    """Where prepared data sets are looked for, in order."""
    return list(data_directories().values())


def listing(above: Path) -> Iterator[Path]:
    """The prepared data sets under a directory: `name/version` or `name/config/version`."""
    for pattern in ("*/*/dataset_info.json", "*/*/*/dataset_info.json"):
        for path in sorted(above.glob(pattern)):
            if _VERSION.fullmatch(path.parent.name):
                yield path.parent.relative_to(above)


def find(text: str) -> Path | None:
    """The directory of a prepared data set (the highest version), or None.

    Raises:
        Mistake: if the name is none, or several configs are prepared and none is named.
    """
    wanted = parse(text)
    for above in directories():
        found = [
            path
            for path in listing(above)
            if path.parts[0] == wanted.name
            and wanted.config in (None, *path.parts[1:-1])
            and wanted.version in (None, path.parts[-1])
        ]
        configs = sorted({"/".join(path.parts[:-1]) for path in found})
        if len(configs) > 1:
            raise Mistake(f"{text}: several configs are prepared: {', '.join(configs)}. Name one.")
        if found:
            return above / max(found, key=lambda path: [*map(int, path.parts[-1].split("."))])
    return None


class NotPrepared(Mistake):
    """A data set is not prepared on this machine.

    Attributes:
        dataset: it, as tfds spells it.
    """

    # Without a default it could neither be copied nor come from another process.
    def __init__(self, message: str, dataset: str = "") -> None:
        super().__init__(message)
        self.dataset = dataset


def missing(text: str) -> NotPrepared:
    """What to say of a data set that is not prepared. Touches no network."""
    held = [(*place, [*map(str, listing(place[1]))]) for place in data_directories().items()]
    lies = []
    for variable, above, names in held:
        what = ", ".join(names) if names else "nothing prepared" if above.is_dir() else "no folder"
        lies.append(f"  {variable}: {above}\n    holds: {what}")
    name = parse(text).name
    known = {Path(each).parts[0] for *_, names in held for each in names} | {*known_names()}
    lines = [f"The data set {text} is not prepared on this machine. Looked in", *lies]
    if name not in known:
        near = " or ".join(difflib.get_close_matches(name, sorted(known), 3))
        lines.append(f"tfds has none of this name.{near and f' Did you mean {near}?'}")
    else:
        lines.append(f"To prepare it: python launch.py prepare {text}")
    return NotPrepared("\n".join(lines), text)


def known_names() -> list[str]:
    """The data sets that can be prepared, without their configs."""
    of_tfds = tfds_module().list_builders(with_community_datasets=False)
    return [*of_tfds, *builders.EMBEDDED, *builders.DOWNLOADED]


@functools.cache
def tfds_module() -> Any:
    """The module tensorflow_datasets, without its log lines. Imported late: it takes 0.7 s."""
    import tensorflow_datasets

    # Its remarks (no OpenCV; group sizes) go through absl's logger, which others use too.
    def not_of_tfds(record: logging.LogRecord) -> bool:
        return not ({"tensorflow_datasets", "array_record"} & {*Path(record.pathname).parts})

    logging.getLogger("absl").addFilter(not_of_tfds)
    return tensorflow_datasets


class Slice(NamedTuple):
    """A part of a split as prepared: examples `start` to `stop`."""

    split: str
    start: int
    stop: int


@dataclasses.dataclass(frozen=True)
class Prepared:
    """A data set on disk. Safe to read from several threads."""

    directory: Path

    @functools.cached_property
    def builder(self) -> Any:
        """The tfds builder, made from the files alone.

        Raises:
            Damaged: if the files that describe the data set cannot be understood.
        """
        try:
            return tfds_module().builder_from_directory(self.directory)
        except Exception as error:
            raise Damaged(
                f"The prepared data set in {self.directory} is damaged: dataset_info.json or "
                f"features.json cannot be read ({_short(error)}). {self._remedy()}"
            ) from error

    @property
    def name(self) -> str:
        """`name/version` or `name/config/version`."""
        info = self.builder.info
        return "/".join(filter(None, (info.name, info.config_name, str(info.version))))

    def slices(self, split: str) -> list[Slice]:
        """What a split as tfds spells it is made of, by tfds's own reading of it.

        Raises:
            Mistake: if there is no such split, or a slice is out of range or badly spelled.
        """
        splits = self.builder.info.splits
        try:
            instructions = tfds_module().core.splits.AbstractSplit.from_spec(split)
            absolute = instructions.to_absolute(splits)
        except Exception as error:
            sizes = ", ".join(f"{name} ({splits[name].num_examples})" for name in splits)
            raise Mistake(
                f"{self.name} has no split {split!r}; it holds {sizes}. {_short(error)}"
            ) from error
        parts = []
        for part in absolute:
            length = splits[part.splitname].num_examples
            start, stop, _ = slice(part.from_, part.to).indices(length)
            parts.append(Slice(part.splitname, start, max(start, stop)))
        return parts

    def read(self, split: str, index: np.ndarray) -> Columns:
        """Examples of a whole split, decoded, by random access.

        Args:
            split: without a slice.
            index: int `[n]`, at least one.

        Raises:
            Damaged: if a file is missing, truncated or changed; it is named.
        """
        try:
            examples = self._reader(split).__getitems__(index.tolist())
        except Exception as error:
            raise self._damaged(split, index, error) from error
        return from_examples(examples, self._forms)

    @functools.cached_property
    def _forms(self) -> dict[str, Form]:
        """Of each column but lists of texts and lists of lists, which are not read."""
        known = flatten(self.builder.info.features.get_tensor_info())
        return {
            name: Form(form.np_dtype, form.shape)
            for name, form in known.items()
            if not form.sequence_rank or (form.sequence_rank == 1 and form.np_dtype != np.object_)
        }

    def cached(self, split: str) -> Columns | None:
        """All of a split, decoded and memory-mapped, from the cache or else into it.

        None where the cache cannot be written.

        Raises:
            Damaged: as `read`.
        """
        info = self.builder.info.splits[split]
        try:
            files = decoded_cache.fingerprint(
                [Path(path) for path in info.filepaths],
                [self.directory / name for name in ("dataset_info.json", "features.json")],
            )
        except OSError as error:
            raise self._damaged(split, np.arange(info.num_examples), error) from error
        place = cache_directory() / "decoded" / self.name / split
        whole = Slice(split, 0, info.num_examples)
        return decoded_cache.load(place, files, info.num_examples, lambda: self.parts(whole))

    def parts(self, part: Slice) -> Iterator[Columns]:
        """A slice decoded, some examples at a time.

        Raises:
            Damaged: as `read`.
        """
        for start in range(part.start, part.stop, _CHUNK):
            yield self.read(part.split, np.arange(start, min(start + _CHUNK, part.stop)))

    def _reader(self, split: str) -> Any:
        readers = self.__dict__.setdefault("_readers", {})
        if split not in readers:
            readers[split] = self.builder.as_data_source(split=split)
        return readers[split]

    def _damaged(self, split: str, index: np.ndarray, error: Exception) -> Damaged | Mistake:
        info = self.builder.info.splits[split]
        if isinstance(error, NotImplementedError):
            return Mistake(
                f"{self.directory} is prepared as {self.builder.info.file_format}, which cannot be "
                "read at random. Set it aside and prepare it again: python launch.py prepare "
                f"{self.builder.info.name}"
            )
        ends = np.cumsum(info.shard_lengths)
        shards = np.unique(np.searchsorted(ends, index, side="right"))
        files = ", ".join(str(info.filepaths[shard]) for shard in shards)
        return Damaged(
            f"Prepared data is damaged or missing: {files}\n({_short(error)}) {self._remedy()}"
        )

    def _remedy(self) -> str:
        parts = self.directory.parts
        known = [above for above in directories() if self.directory.is_relative_to(above)]
        if known:
            parts = self.directory.relative_to(known[0]).parts
        name = f"{'/'.join(parts[:-1])}:{parts[-1]}"
        return f"Remove {self.directory} and prepare it again: python launch.py prepare {name}"


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:300]


def locate(text: str) -> Prepared:
    """The prepared data set of a name; one that comes embedded is prepared on first use.

    Raises:
        Mistake: if it is not prepared, told within a second or two and without the network.
    """
    directory = find(text)
    if directory is None and parse(text).name in builders.EMBEDDED:
        builders.prepare_embedded(parse(text).name)
        directory = find(text)
    if directory is None:
        raise missing(text)
    return Prepared(directory)
