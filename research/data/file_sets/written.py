"""A source that is read from files, which are written of another source when they are first read.

    train = Written(TfdsSplit("mnist", "train"), TFRecord(), "mnist/train", shards=10)

They lie in `ENCORE_CACHE_DIR`, below `written/`, for a person to look at. Files of other content,
as after an update, have a folder of their own.
"""

from __future__ import annotations

import dataclasses
import functools
import glob
import hashlib
import json
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import numpy as np

from research.data.columns import Columns
from research.data.file_sets.files import Files
from research.data.file_sets.writing import write_files
from research.data.formats.format import Broken, Format
from research.data.formats.kinds import Damage
from research.data.formats.labelled import Labelled
from research.engine.experiment import Source
from research.errors import Damaged
from research.places import cache_directory

OnDamage: TypeAlias = Annotated[
    Damage,
    "what to do about records that cannot be read: stop, or leave them out and count them",
]
"""The annotation of an experiment's field `damaged`."""


@dataclasses.dataclass(frozen=True, eq=False)
class Written:
    """The examples of a source, from files. Making one reads nothing and writes nothing.

    Attributes:
        source: of what the files are written.
        format: how, each column named. What is read is this format.
        folder: what their folder is called, below the cache; a digest is added.
        shards: how many files.
        damaged: what to do about records that cannot be read, as `Files.damaged`.
        classes: a column of labels, and how many classes it has; others cannot be read.
    """

    source: Source
    format: Format
    folder: str
    shards: int = 1
    damaged: Damage = "stop"
    classes: tuple[str, int] | None = None

    @functools.cached_property
    def directory(self) -> Path:
        """Where the files lie, or will lie."""
        made_of = json.dumps([self.source.digest(), self.format.settings(), self.shards])
        name = f"{self.folder}-{hashlib.sha256(made_of.encode()).hexdigest()[:8]}"
        return cache_directory() / "written" / name

    @functools.cached_property
    def files(self) -> Files:
        """The files, written if they are not there.

        Raises:
            Mistake: the source cannot be read, or the folder holds something else.
            Damaged: a file is not as it was written, and nothing is to be skipped.
        """
        try:
            write_files(self.source, self.format, self.directory, shards=self.shards)
        except Damaged as error:
            if self.damaged == "stop":
                raise Damaged(f"{error}; or leave out what is broken: --damaged skip") from None
        format = self.format if self.classes is None else Labelled(self.format, *self.classes)
        return Files(f"{glob.escape(str(self.directory))}/part-*", format, self.damaged)

    @property
    def name(self) -> str:
        """`mnist/3.0.1 train, from 10 files (TFRecord)`."""
        many = f"{self.shards} files" if self.shards > 1 else "a file"
        return f"{self.source.name}, from {many} ({self.format.title})"

    def __len__(self) -> int:
        """The number of examples: those of the source, less what was skipped."""
        return len(self.source) if self.damaged == "stop" else len(self.files)

    @property
    def left_out(self) -> int:
        """How many broken places were skipped."""
        return self.files.left_out

    @property
    def broken(self) -> tuple[tuple[str, Broken], ...]:
        """As `Files.broken`."""
        return self.files.broken

    def load(self) -> Columns:
        """All examples, as `Files.load`."""
        return self.files.load()

    def read(self, index: np.ndarray) -> Columns:
        """The examples at `index` (int `[n]`), by random access, as `Files.read`."""
        return self.files.read(index)

    def digest(self) -> str:
        """That of the files: without damage, of what the source holds."""
        return self.files.digest()

    def __reduce__(self) -> tuple[Any, ...]:
        """A process that is given a copy reads the files alone."""
        return self.files.__reduce__()
