"""Chorales by Johann Sebastian Bach as notes: the music of Géron's exercises on sequences."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from tensorflow_datasets.core.download.checksums import UrlInfo

URL = (
    "https://raw.githubusercontent.com/ageron/data/2ea73147454d2ff8c8a933913be4606f05b352ca/"
    "jsb_chorales.tgz"
)
"""The book's own copy, at one commit."""

FOLDERS = {"train": "train", "validation": "valid", "test": "test"}
"""Split -> folder in the archive."""


class JsbChorales(tfds.core.GeneratorBasedBuilder):
    """382 chorales for four voices, soprano to bass, a row for each sixteenth note.

    `notes` are MIDI numbers, 0 for silence. Whether a note that a row repeats is held or struck
    again is not known.

    Sources: Johann Sebastian Bach (public domain), in the splits of Boulanger-Lewandowski et al.
    2012 (arXiv 1206.6392), voices apart by Cheng-Zhi Anna Huang (JSB-Chorales-dataset), as kept for
    Géron 2019, "Hands-On Machine Learning", 2nd edition, chapter 15.
    """

    VERSION = tfds.core.Version("1.0.0")
    url_infos = {  # noqa: RUF012  tfds reads it from the class
        URL: UrlInfo(
            size=117_793,
            checksum="e722fbc866fc1ba0bac56a6fcad95d7e3e584da80173e13932e3da441440efd7",
            filename="jsb_chorales.tgz",
        )
    }

    def _info(self) -> Any:
        return tfds.core.DatasetInfo(
            builder=self,
            description=self.__doc__,
            homepage="https://github.com/ageron/data",
            features=tfds.features.FeaturesDict(
                {
                    "name": tfds.features.Text(),
                    "notes": tfds.features.Tensor(shape=(None, 4), dtype=np.int32),
                }
            ),
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager: Any) -> dict[str, Iterator[Any]]:
        (url,) = self.url_infos
        path = Path(dl_manager.download(url))
        return {split: self._generate_examples(path, name) for split, name in FOLDERS.items()}

    def _generate_examples(self, path: Path, folder: str) -> Iterator[tuple[int, dict[str, Any]]]:
        with tarfile.open(path) as archive:
            files = {PurePosixPath(file.name): file for file in archive if file.isfile()}
            chorales = sorted(name for name in files if name.parent.name == folder)
            for number, name in enumerate(chorales):
                rows = archive.extractfile(files[name])
                assert rows is not None, "a file of the archive has content"
                notes = np.loadtxt(rows, np.int32, delimiter=",", skiprows=1, ndmin=2)
                yield number, {"name": name.stem, "notes": notes}
