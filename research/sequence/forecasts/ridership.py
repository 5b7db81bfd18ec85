"""Chicago's daily boardings, with the calendar: the series, its splits, and its forecasting."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal, NamedTuple, Self, TypeAlias

import numpy as np

from research.data.order import steps_per_epoch
from research.data.sequences import Span, overlapping_rows, split_by_time, windows_in
from research.data.sources.arrays import ArraySource
from research.data.tfds_split import TfdsSplit
from research.engine.artifacts import Artifact
from research.engine.experiment import Data, Evaluation, Experiment, Key, Selection
from research.errors import Mistake
from research.options.ranges import AMOUNT, COUNT, DEPTH, FIXED, POSITIVE, Range
from research.sequence.forecasts.forecast_net import WindowNet
from research.sequence.forecasts.forecasting import Feature, Forecasting, make_forecasting
from research.sequence.forecasts.stationarity import show_stationarity

Cut: TypeAlias = Literal["published", "gaps"]
"""The splits of the days: as in the book, or with gaps as long as an example."""

DATASET = "cta_ridership"
UNIT = 1e6
"""Boardings that are 1 to a net."""
DAY_TYPES = ("Saturday", "Sunday or holiday", "weekday")
FEATURES = (
    Feature("rail", UNIT),
    Feature("bus", UNIT),
    *(Feature(f"the next day is a {name}") for name in DAY_TYPES),
)
WEEK = 7

SHARES = {"train": 0.8, "validation": 0.1, "test": 0.1}
STARTS = {"train": "2016-01-01", "validation": "2019-01-01", "test": "2019-06-01"}
"""The first day of each split in the book; the last of them ends with the record."""


EVALUATIONS = 100
"""About how often a run looks at the validation set, from which its best checkpoint is chosen."""


@dataclass(frozen=True)
class RidershipForecasting(Forecasting):
    """Options of every net that forecasts the boardings of trains."""

    cut: Annotated[Cut, "the book's splits, or all days with gaps between the splits"] = "published"
    epochs: Annotated[int, "passes over the training windows", AMOUNT] = 200
    window: Annotated[int, "days before the first that is forecast", Range(WEEK)] = 56
    learning_rate: Annotated[
        float, "Adam's step size at the start, falling by cosine", POSITIVE
    ] = 3e-3
    huber_delta: Annotated[
        float, "millions of boardings beyond which an error counts linearly", POSITIVE
    ] = 0.05
    calendar: Annotated[
        bool, "whether bus boardings and the next day's type are inputs, too", FIXED
    ] = False

    @property
    def headline(self) -> str:
        """The figure of the book; the test years hold an epidemic."""
        return "validation/mae"

    def smoke(self) -> Self:
        """A few updates on short windows."""
        return replace(self, epochs=min(self.epochs, 3), batch_size=128, window=14)

    def make(self) -> Experiment:
        """A forecaster of ridership; its best checkpoint is that of the least validation error.

        Raises:
            Mistake: the data is not prepared, or too short for the options.
        """
        length, features = self.window + self.horizon, FEATURES if self.calendar else FEATURES[:1]
        days = read_ridership(self.cut, length)
        train = days.of("train")
        count = windows_in(len(train), length)
        if count < self.batch_size:
            raise Mistake(
                f"the training days have {count} windows of {length} days, fewer than "
                f"--batch-size {self.batch_size}"
            )
        steps = self.epochs * steps_per_epoch(count, self.batch_size)
        data = Data(
            ridership_sources(days, length, len(features)),
            overlapping_rows(len(train), length, self.batch_size),
            evaluation_batch_size=128,
        )
        experiment = make_forecasting(
            self,
            data,
            steps,
            features=features,
            evaluate_every=max(1, steps // EVALUATIONS),
            selection=Selection("validation/mae", larger_is_better=False) if steps else None,
        )
        forecasts = experiment.artifacts
        assert forecasts is not None

        def artifacts(state: Any, evaluation: Evaluation, key: Key) -> Mapping[str, Artifact]:
            rail = UNIT * train[:, 0]
            return {
                **forecasts(state, evaluation, key),
                "stationarity": show_stationarity("Rail boardings in training", rail, WEEK, "days"),
            }

        return experiment._replace(final=("validation", "test"), artifacts=artifacts)


@dataclass(frozen=True)
class RecurrentRidership(RidershipForecasting):
    """Options of recurrent layers."""

    units: Annotated[int, "units of each recurrent layer", COUNT] = 32
    layers: Annotated[int, "recurrent layers", DEPTH] = 1

    def sized_net(self) -> WindowNet:
        """The net, as large as chosen."""
        return self.net.clone(units=(self.units,) * self.layers)

    def smoke(self) -> Self:
        """A few updates of narrow layers on short windows."""
        return replace(super().smoke(), units=4)


class Ridership(NamedTuple):
    """The whole record, and where its splits lie.

    Attributes:
        dates: datetime64[D] `[days]`, one after another.
        values: float32 `[days, features]`, as `FEATURES`; boardings in millions.
        spans: split -> its days.
    """

    dates: np.ndarray
    values: np.ndarray
    spans: dict[str, Span]

    def of(self, split: str) -> np.ndarray:
        """The values of a split, float32 `[days, features]`."""
        return self.values[slice(*self.spans[split])]


def read_ridership(cut: Cut, length: int) -> Ridership:
    """The prepared series, cut as chosen, for examples of so many days, forecast ones included.

    Raises:
        Mistake: it is not prepared, lacks a day, or a split is shorter than an example.
    """
    columns = TfdsSplit(DATASET, "train").load()
    dates = np.array([day.decode() for day in columns["service_date"]], "datetime64[D]")
    if np.any(np.diff(dates) != np.timedelta64(1, "D")):
        raise Mistake(f"{DATASET}: its days do not follow one another; prepare it anew")
    boardings = np.stack([columns["rail_boardings"], columns["bus"]], axis=1) / UNIT
    values = np.concatenate([boardings, next_day_type(columns["day_type"])], axis=1)
    spans = (
        published_spans(dates)
        if cut == "published"
        else split_by_time(len(dates), SHARES, gap=length)
    )
    for name, (start, stop) in spans.items():
        windows_in(stop - start, length, whose=f"the {name} split of {DATASET}")
    return Ridership(dates, values.astype(np.float32), spans)


def next_day_type(day_type: np.ndarray) -> np.ndarray:
    """The kind of the next day, one-hot float64 `[days, 3]`: it is known beforehand.

    All 0 on the last day. Types are indices of `DAY_TYPES`.
    """
    types = np.zeros((len(day_type), len(DAY_TYPES)))
    types[np.arange(len(day_type) - 1), day_type[1:]] = 1.0
    return types


def published_spans(dates: np.ndarray) -> dict[str, Span]:
    """The book's splits, next to one another; its first years are left out.

    Dates are datetime64[D] `[days]`, one after another.

    Raises:
        Mistake: the record does not reach from the first of them into the last.
    """
    starts = [int(np.searchsorted(dates, np.datetime64(day))) for day in STARTS.values()]
    if dates[0] > np.datetime64(STARTS["train"]) or starts[-1] == len(dates):
        raise Mistake(
            f"{DATASET} goes from {dates[0]} to {dates[-1]}: the published splits need the days "
            f"from {STARTS['train']} to past {STARTS['test']}. --cut gaps takes what there is."
        )
    stops = [*starts[1:], len(dates)]
    return {name: Span(*span) for name, *span in zip(STARTS, starts, stops, strict=True)}


def windows_of(values: np.ndarray, length: int) -> np.ndarray:
    """All stretches of a series, a day apart, `[stretches, length, features]`."""
    position = np.arange(1 + len(values) - length)[:, None] + np.arange(length)
    return values[position]


def ridership_sources(days: Ridership, length: int, features: int) -> dict[str, ArraySource]:
    """The training days as one column, from which windows are gathered; held-out ones as windows.

    Of `FEATURES` so many are kept; an example is `length` days.
    """
    sources = {}
    for name, (start, stop) in days.spans.items():
        kept = days.of(name)[:, :features]
        sources[name] = ArraySource(
            f"{DATASET} {days.dates[start]} to {days.dates[stop - 1]}, "
            f"{', '.join(feature.name for feature in FEATURES[:features])} ({name})",
            {"values": kept if name == "train" else windows_of(kept, length)},
        )
    return sources
