"""Nets for a table of one's own: every column is prepared by what it holds.

    config = OwnRegression(splits=split(Files("houses-*.csv", CSV())), target="price")
    config = OwnClassification(splits=split(Files("x.parquet", Parquet())), target="species")

Numbers are filled with their median where they are missing, marked, and normalised; texts are
categories, each with a learned vector. Statistics are those of the training rows, and lie inside
the model.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated, ClassVar, Self

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from research.data.columns import Columns
from research.data.features.categories import Lookup, fit_lookup, look_up
from research.data.features.numbers import (
    Filling,
    Normalization,
    fill_missing,
    fit_filling,
    fit_normalization,
    mark_missing,
    normalize,
)
from research.data.features.statistics import Statistics, read_columns
from research.data.labels import Classes, find_classes, labelled
from research.data.sources.kept import find_value_once
from research.data.sources.mapped import Mapped
from research.data.sources.portions import Splits
from research.data.sources.wrapping import digest_of
from research.engine.experiment import Experiment, Hyperparameters, Key, Needs, Source
from research.errors import Mistake
from research.optimization.classification import Classified, make_classification
from research.optimization.supervised import Fitting, Variables
from research.options.ranges import COUNT, DEPTH, FIXED
from research.prediction import Inputs
from research.tabular.own_row import TAKES, read_row
from research.tabular.regression import TableLearning, Target, data_of, make_regression

FORMAT = 1
"""Changes whenever other statistics would be found of the same rows."""
CATEGORIES = 1000
"""The commonest values of a text column that have a vector of their own."""
WIDTH = 8
"""Of these vectors."""


@dataclass(frozen=True)
class TableStatistics(Statistics):
    """What is known of the training rows.

    Attributes:
        numbers: names of the columns of numbers; `x/2` is the third number of a column of vectors.
        filling: of each.
        normalization: of each, once filled.
        texts: names of the columns of categories.
        lookups: of each.
        target: of a target that is a number; empty tuples where it is a class.
        classes: of a target that is a class; empty where it is a number.
    """

    numbers: tuple[str, ...]
    filling: Filling
    normalization: Normalization
    texts: tuple[str, ...]
    lookups: tuple[Lookup, ...]
    target: Normalization
    classes: tuple[str, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """All that the net reads."""
        return (*self.numbers, *self.texts)

    @property
    def categories(self) -> dict[str, tuple[str, ...]]:
        """As `Predictor.categories`."""
        pairs = zip(self.texts, self.lookups, strict=True)
        return {name: tuple(map(str, lookup.values)) for name, lookup in pairs}


class TableNet(nn.Module):
    """Hidden layers over normalised numbers and vectors of categories.

    Attributes:
        statistics: of the training rows.
        units: of each hidden layer.
        layers: how many there are.
        outputs: how many numbers it gives; 0 for the target itself, `[batch]`, in its own unit.
    """

    statistics: TableStatistics
    units: int
    layers: int
    outputs: int = 0

    @nn.compact
    def __call__(self, columns: Mapping[str, jax.Array]) -> jax.Array:
        """Columns, name -> float32 `[batch]`; of a category its place, or NaN."""
        found, parts = self.statistics, []
        if found.numbers:
            raw = jnp.stack([columns[name] for name in found.numbers], axis=1)
            filled = fill_missing(found.filling, raw)
            parts += [normalize(found.normalization, filled), mark_missing(found.filling, raw)]
        for name, lookup in zip(found.texts, found.lookups, strict=True):
            place = jnp.nan_to_num(columns[name], nan=len(lookup) - 1).astype(jnp.int32)
            parts.append(nn.Embed(len(lookup), WIDTH, name=f"category_{name}")(place))
        x = jnp.concatenate(parts, axis=1)
        for _ in range(self.layers):
            x = nn.relu(nn.Dense(self.units, kernel_init=nn.initializers.he_normal())(x))
        if self.outputs:
            logits: jax.Array = nn.Dense(self.outputs)(x)
            return logits
        (mean,), (deviation,) = found.target.mean, found.target.deviation
        predicted: jax.Array = mean + deviation * nn.Dense(1)(x)[:, 0]
        return predicted


@dataclass(frozen=True, kw_only=True)
class OwnTable(TableLearning):
    """Options of nets for a table of one's own.

    Attributes:
        splits: rows to train on, to choose by and to test on.
        target: the column that is predicted.
        leave_out: columns that are not read, such as a row's number, or what nobody knows before
            the target is known.
    """

    splits: Annotated[Splits, "rows of each split", FIXED]
    target: Annotated[str, "the column that is predicted", FIXED]
    leave_out: Annotated[tuple[str, ...], "columns that are not read", FIXED] = ()
    units: Annotated[int, "units of each hidden layer", COUNT] = 64
    layers: Annotated[int, "hidden layers", DEPTH] = 2

    is_class: ClassVar[bool]

    def smoke(self) -> Self:
        """One pass of a narrow net."""
        return replace(self, epochs=1, units=4)

    def make(self) -> Experiment:
        """An experiment that learns from the rows.

        Raises:
            Mistake: a column is missing, or can be no input.
        """
        train = self.splits.train
        classes = find_classes(train, self.target) if self.is_class else None
        statistics = fit_table(train, self.target, self.leave_out, classes)
        sources: dict[str, Source] = {}
        for name, source in self.splits._asdict().items():
            kept = "label" if classes else self.target
            rows = labelled(source, self.target, classes) if classes else source
            change = partial(prepare_rows, statistics, kept)
            sources[name] = Mapped(rows, change, "as numbers", statistics.digest())
        return self.make_of(statistics, sources)

    def make_to_use(self, needs: Needs) -> Experiment:
        """The same without rows to learn from."""
        return self.make_of(TableStatistics.restore(needs["statistics"]), {})

    @abstractmethod
    def make_of(self, statistics: TableStatistics, sources: Mapping[str, Source]) -> Experiment:
        """The experiment, of sources that give numbers; of none, one that is only used."""


@dataclass(frozen=True, kw_only=True)
class OwnRegression(OwnTable):
    """Options of a net that predicts a number; `mse` and `mae` are in the column's own unit."""

    is_class: ClassVar[bool] = False

    @property
    def headline(self) -> str:
        """The mean absolute error, which has the unit of the column."""
        return "test/mae"

    def make_of(self, statistics: TableStatistics, sources: Mapping[str, Source]) -> Experiment:
        """As `OwnTable.make_of`."""
        net = TableNet(statistics, self.units, self.layers)
        target = Target(self.target, 1.0, self.target)
        return make_regression(
            self, net, statistics.columns, target, sources, statistics, statistics.categories
        )


@dataclass(frozen=True, kw_only=True)
class OwnClassification(OwnTable):
    """Options of a net that predicts a class: a column of texts or whole numbers."""

    is_class: ClassVar[bool] = True

    @property
    def headline(self) -> str:
        """How many rows are classified right."""
        return "test/accuracy"

    def make_of(self, statistics: TableStatistics, sources: Mapping[str, Source]) -> Experiment:
        """As `OwnTable.make_of`."""
        net = TableNet(statistics, self.units, self.layers, len(statistics.classes))
        inputs = {name: jax.ShapeDtypeStruct((1,), jnp.float32) for name in statistics.columns}

        def logits(
            variables: Variables, rows: Inputs, key: Key | None, values: Hyperparameters
        ) -> jax.Array:
            del key, values
            found: jax.Array = net.apply(variables, rows)
            return found

        what = Classified(
            init=lambda key: net.init(key, {name: jnp.ones(1) for name in inputs}),
            logits=logits,
            inputs=inputs,
            classes=statistics.classes,
            read=lambda word: read_row(word, statistics.columns, statistics.categories),
            takes=TAKES,
            missing=True,
            needs={"statistics": statistics.keep()},
            items="rows",
            categories=statistics.categories,
        )
        data, epoch = data_of(sources, self.batch_size)
        fitting = Fitting(self.epochs * epoch, "adam", "cosine", groups=self.groups)
        return make_classification(what, data, fitting, self.batch_size, epoch)


def fit_table(
    train: Source, target: str, leave_out: Sequence[str], classes: Classes | None
) -> TableStatistics:
    """Statistics of the training rows, found once and kept in `ENCORE_CACHE_DIR`.

    No other split is read.

    Args:
        train: the training rows.
        target: the column that is predicted.
        leave_out: columns that are not read.
        classes: of the target; None where it is a number.

    Raises:
        Mistake: a column is not there, or can be no input.
    """
    first = train.read(np.arange(1))
    if unknown := [name for name in (target, *leave_out) if name not in first]:
        raise Mistake(
            f"{train.name} has no column {', '.join(unknown)}; it has {', '.join(sorted(first))}"
        )
    inputs = {name: c for name, c in first.items() if name not in (target, *leave_out)}
    if not inputs:
        raise Mistake(f"{train.name} has no column but {target} to predict it by")
    for name, column in inputs.items():
        if column.ndim > 2 or (column.dtype == object and not isinstance(column[0], bytes)):
            raise Mistake(
                f"{train.name}: column {name!r} holds neither numbers nor texts; leave it out "
                "(leave_out=...), or make it equally long (Padded)"
            )
    labels = classes.names if classes else ()
    key = digest_of((train,), "table", target, sorted(inputs), labels, FORMAT)
    kept = find_value_once(key, lambda _: _fit(train, target, [*inputs], labels).keep())
    return TableStatistics.restore(kept)


def _fit(
    train: Source, target: str, names: Sequence[str], classes: tuple[str, ...]
) -> TableStatistics:
    read = read_columns(train, [*names, *([] if classes else [target])])
    texts = tuple(name for name in sorted(names) if read[name].dtype == object)
    numbers = {
        each: column
        for name in sorted(names)
        if name not in texts
        for each, column in _numbers_of(name, read[name]).items()
    }
    table = np.array([*numbers.values()], np.float64).reshape(len(numbers), -1).T
    for name, column in zip(numbers, table.T, strict=True):
        if np.isnan(column).all():
            raise Mistake(f"{train.name}: {name} has no number in any training row; leave it out")
    filling = fit_filling(table) if numbers else Filling((), ())
    filled = np.asarray(fill_missing(filling, table))
    goal = Normalization((), ())
    if not classes:
        goal = fit_normalization(_require_target(train.name, target, read[target])[:, None])
    return TableStatistics(
        tuple(numbers),
        filling,
        fit_normalization(filled) if numbers else Normalization((), ()),
        texts,
        tuple(fit_lookup(read[name], CATEGORIES) for name in texts),
        goal,
        classes,
    )


def prepare_rows(statistics: TableStatistics, kept: str, columns: Columns) -> Columns:
    """The columns that a net reads, float32 `[rows]`, and the one that is predicted."""
    rows: Columns = {}
    vectors = {name.rpartition("/")[0] for name in statistics.numbers}
    for name in columns.keys() & {*statistics.numbers, *vectors}:
        rows |= _numbers_of(name, columns[name])
    for name, lookup in zip(statistics.texts, statistics.lookups, strict=True):
        rows[name] = np.asarray(look_up(lookup, columns[name]), np.float32)
    chosen: Columns = {name: rows[name] for name in statistics.columns}
    if not statistics.classes:
        return {**chosen, kept: _require_target("", kept, columns[kept]).astype(np.float32)}
    return {**chosen, kept: columns[kept]}


def _numbers_of(name: str, column: np.ndarray) -> Columns:
    """A column of numbers as float32; one of vectors as several."""
    if column.ndim == 1:
        return {name: column.astype(np.float32)}
    return {f"{name}/{place}": each.astype(np.float32) for place, each in enumerate(column.T)}


def _require_target(whose: str, target: str, column: np.ndarray) -> np.ndarray:
    if column.dtype == object or column.ndim != 1:
        raise Mistake(f"{whose}: {target} is no column of numbers; for classes: OwnClassification")
    if not np.isfinite(column).all():
        raise Mistake(
            f"{whose or 'the table'}: {target}, which is predicted, is missing or infinite in a "
            "row; leave out such rows (Filtered)"
        )
    return column
