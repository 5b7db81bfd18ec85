"""A plain net of normalised features for California's districts, as in the book's chapter 13."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Self

import flax.linen as nn
import jax
import numpy as np

from research.data.districts import COLUMNS, features_of
from research.data.features.numbers import (
    Filling,
    Normalization,
    fill_missing,
    fit_filling,
    fit_normalization,
    normalize,
)
from research.data.features.statistics import Statistics, read_columns, with_digest_of
from research.engine.experiment import Experiment, Needs, Source
from research.options.ranges import COUNT
from research.tabular.housing import TARGET
from research.tabular.regression import TableRegression, make_regression


@dataclass(frozen=True)
class FeatureStatistics(Statistics):
    """What the net knows of the training districts, each of `FEATURES`.

    Attributes:
        filling: what stands for what is missing.
        normalization: of the filled features.
    """

    filling: Filling
    normalization: Normalization


def fit_features(train: Source) -> FeatureStatistics:
    """Statistics of the training split, which has `COLUMNS`; no other is read."""
    features = np.asarray(features_of(read_columns(train, COLUMNS)))
    filling = fit_filling(features)
    filled = np.asarray(fill_missing(filling, features))
    return FeatureStatistics(filling, fit_normalization(filled))


class NormalizedMLP(nn.Module):
    """Hidden layers with ReLU over normalised features (Géron, 3rd edition, chapter 13).

    Attributes:
        statistics: of the training split.
        units: of each hidden layer.
        layers: how many there are.
    """

    statistics: FeatureStatistics
    units: int
    layers: int

    @nn.compact
    def __call__(self, columns: Mapping[str, jax.Array]) -> jax.Array:
        """Raw columns, name -> float32 `[batch]`, to predictions `[batch]`."""
        filled = fill_missing(self.statistics.filling, features_of(columns))
        x = normalize(self.statistics.normalization, filled)
        for _ in range(self.layers):
            x = nn.relu(nn.Dense(self.units, kernel_init=nn.initializers.he_normal())(x))
        predicted: jax.Array = nn.Dense(1)(x)[:, 0]
        return predicted


@dataclass(frozen=True)
class PlainHousing(TableRegression):
    """Options of a plain net for house values."""

    units: Annotated[int, "units of each hidden layer", COUNT] = 30
    layers: Annotated[int, "hidden layers", COUNT] = 1

    @abstractmethod
    def splits(self) -> Mapping[str, Source]:
        """Raw columns of `train`, `validation` and `test`."""

    def smoke(self) -> Self:
        """Some twenty updates of a narrow net."""
        return replace(self, epochs=1, batch_size=512, units=4)

    def make(self) -> Experiment:
        """A regression of these splits.

        Raises:
            Mistake: the data set is not prepared.
        """
        splits = self.splits()
        statistics = fit_features(splits["train"])
        noted = {name: with_digest_of(source, statistics) for name, source in splits.items()}
        return self._make(statistics, noted)

    def make_to_use(self, needs: Needs) -> Experiment:
        """The same without districts to learn from."""
        return self._make(FeatureStatistics.restore(needs["statistics"]), {})

    def _make(self, statistics: FeatureStatistics, splits: Mapping[str, Source]) -> Experiment:
        net = NormalizedMLP(statistics, self.units, self.layers)
        return make_regression(self, net, COLUMNS, TARGET, splits, statistics)
