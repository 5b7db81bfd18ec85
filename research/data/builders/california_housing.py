"""Districts of California in the census of 1990: the housing data of Géron's book."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from tensorflow_datasets.core.download.checksums import UrlInfo

from research.data.districts import COLUMNS, VALUE

URL = (
    "https://raw.githubusercontent.com/ageron/data/2ea73147454d2ff8c8a933913be4606f05b352ca/"
    "housing/housing.csv"
)
"""The book's own copy, at one commit."""

NUMBERS = (*COLUMNS, VALUE)
PROXIMITIES = ["<1H OCEAN", "INLAND", "ISLAND", "NEAR BAY", "NEAR OCEAN"]


class CaliforniaHousing(tfds.core.GeneratorBasedBuilder):
    """20,640 districts in the file's order; 207 have no `total_bedrooms`, which is NaN there.

    `median_income` counts 10,000 dollars a year, `median_house_value` dollars, 500,001 where it
    is more.

    Source: Pace and Barry 1997, "Sparse Spatial Autoregressions" (StatLib), with the distance to
    the ocean added by Géron 2022, "Hands-On Machine Learning", 3rd edition, chapter 2.
    """

    VERSION = tfds.core.Version("1.0.0")
    url_infos = {  # noqa: RUF012  tfds reads it from the class
        URL: UrlInfo(
            size=1_423_529,
            checksum="2364609dc48bec7df3ba9dbb7041478e704ecddcee70ef1827ec3fc49d22c0cc",
            filename="housing.csv",
        )
    }

    def _info(self) -> Any:
        return tfds.core.DatasetInfo(
            builder=self,
            description=self.__doc__,
            homepage="https://github.com/ageron/data",
            features=tfds.features.FeaturesDict(
                {
                    **{name: tfds.features.Scalar(np.float32) for name in NUMBERS},
                    "ocean_proximity": tfds.features.ClassLabel(names=PROXIMITIES),
                }
            ),
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager: Any) -> dict[str, Iterator[Any]]:
        (url,) = self.url_infos
        return {"train": self._generate_examples(Path(dl_manager.download(url)))}

    def _generate_examples(self, path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
        with path.open(encoding="utf-8", newline="") as lines:
            for number, line in enumerate(csv.DictReader(lines)):
                values = {name: float(line[name] or "nan") for name in NUMBERS}
                yield number, {**values, "ocean_proximity": line["ocean_proximity"]}
