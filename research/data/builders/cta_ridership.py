"""Daily boardings of Chicago's buses and trains: the series of Géron's chapter 15."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from tensorflow_datasets.core.download.checksums import UrlInfo

from research.errors import Damaged

URL = (
    "https://raw.githubusercontent.com/ageron/data/2ea73147454d2ff8c8a933913be4606f05b352ca/"
    "ridership/CTA_-_Ridership_-_Daily_Boarding_Totals.csv"
)
"""The book's own copy, at one commit: the city's file goes on growing."""

NUMBERS = ("bus", "rail_boardings", "total_rides")


class CtaRidership(tfds.core.GeneratorBasedBuilder):
    """Boardings of each day, in the order of time.

    `day_type` is A (Saturday), U (Sunday or holiday) or W (weekday), numbered in this order;
    `service_date` is spelled 2001-01-31. The file holds two months twice: each day is kept once.

    Source: Chicago Transit Authority, "Ridership - Daily Boarding Totals", Chicago Data Portal
    (its terms), as kept for Géron 2022, "Hands-On Machine Learning", 3rd edition, chapter 15.
    """

    VERSION = tfds.core.Version("1.0.0")
    url_infos = {  # noqa: RUF012  tfds reads it from the class
        URL: UrlInfo(
            size=268_584,
            checksum="34faaba085ca21434b7dd3e0abcbaf8cde5be3a4f170dda1c8caef72c5c4bd06",
            filename="CTA_-_Ridership_-_Daily_Boarding_Totals.csv",
        )
    }

    def _info(self) -> Any:
        return tfds.core.DatasetInfo(
            builder=self,
            description=self.__doc__,
            homepage="https://data.cityofchicago.org/Transportation/6iiy-9s97",
            features=tfds.features.FeaturesDict(
                {
                    "service_date": tfds.features.Text(),
                    "day_type": tfds.features.ClassLabel(names=["A", "U", "W"]),
                    **{name: tfds.features.Scalar(np.int64) for name in NUMBERS},
                }
            ),
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager: Any) -> dict[str, Iterator[Any]]:
        (url,) = self.url_infos
        return {"train": self._generate_examples(Path(dl_manager.download(url)))}

    def _generate_examples(self, path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
        for number, (_, day) in enumerate(sorted(read_days(path).items())):
            yield number, day


def read_days(path: Path) -> dict[str, dict[str, Any]]:
    """The city's file as date (2001-01-31) -> columns of the day, each day once.

    Raises:
        Damaged: two lines say different things of one day.
    """
    days: dict[str, dict[str, Any]] = {}
    with path.open(encoding="utf-8", newline="") as lines:
        for line in csv.DictReader(lines):
            date = datetime.strptime(line["service_date"], "%m/%d/%Y").date().isoformat()
            numbers = {name: int(line[name]) for name in NUMBERS}
            day = {"service_date": date, "day_type": line["day_type"], **numbers}
            if days.setdefault(date, day) != day:
                raise Damaged(f"{path}: two lines say different things of {date}")
    return days
