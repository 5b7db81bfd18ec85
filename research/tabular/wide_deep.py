"""A wide and deep net for California's districts, which takes the data set's raw columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Self

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from research.data.districts import COLUMNS, FEATURES, features_of
from research.data.features.buckets import Buckets, find_buckets, fit_quantiles
from research.data.features.categories import cross
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
from research.data.sources.arrays import ArraySource
from research.engine.experiment import Experiment, Needs, Source
from research.options.ranges import COUNT, Range
from research.tabular.housing import TARGET, read_splits
from research.tabular.regression import TableRegression, make_regression

LATITUDE, LONGITUDE = FEATURES.index("latitude"), FEATURES.index("longitude")


@dataclass(frozen=True)
class DistrictStatistics(Statistics):
    """What the net knows of the training districts, each of `FEATURES`.

    Attributes:
        filling: what stands for what is missing.
        normalization: of the filled features.
        buckets: of each filled feature, by quantiles.
        latitude: finer buckets, by quantiles.
        longitude: likewise.
    """

    filling: Filling
    normalization: Normalization
    buckets: tuple[Buckets, ...]
    latitude: Buckets
    longitude: Buckets


def fit_districts(train: Source, buckets: int, stripes: int) -> DistrictStatistics:
    """Statistics of the training split.

    Args:
        train: with `COLUMNS`; no other split is read.
        buckets: of each feature.
        stripes: of latitude, and of longitude.
    """
    raw = read_columns(train, COLUMNS)
    features = np.asarray(features_of(raw))
    filling = fit_filling(features)
    filled = np.asarray(fill_missing(filling, features))
    return DistrictStatistics(
        filling,
        fit_normalization(filled),
        tuple(fit_quantiles(feature, buckets) for feature in filled.T),
        fit_quantiles(filled[:, LATITUDE], stripes),
        fit_quantiles(filled[:, LONGITUDE], stripes),
    )


class WideAndDeep(nn.Module):
    """A sum of two nets: a linear one of buckets and their cross, and one of hidden layers.

    The wide part has a weight for each bucket of each feature, and for each cell of latitude by
    longitude. The deep part reads normalised features, and marks of what is missing.

    Source: Cheng et al. 2016, "Wide & Deep Learning for Recommender Systems"; Géron 2019, chapters
    10 and 13.

    Attributes:
        statistics: of the training split.
        units: of each hidden layer.
        layers: how many there are.
    """

    statistics: DistrictStatistics
    units: int
    layers: int

    @nn.compact
    def __call__(self, columns: Mapping[str, jax.Array]) -> jax.Array:
        """Raw columns, name -> float32 `[batch]`, to predictions `[batch]`."""
        found = self.statistics
        features = features_of(columns)
        filled = fill_missing(found.filling, features)
        deep = jnp.concatenate(
            [normalize(found.normalization, filled), mark_missing(found.filling, features)], axis=1
        )
        for _ in range(self.layers):
            deep = nn.relu(nn.Dense(self.units, kernel_init=nn.initializers.he_normal())(deep))
        sizes = [len(one) for one in found.buckets]
        places = [find_buckets(one, filled[:, k]) for k, one in enumerate(found.buckets)]
        stripes = [
            find_buckets(found.latitude, filled[:, LATITUDE]),
            find_buckets(found.longitude, filled[:, LONGITUDE]),
        ]
        places.append(cross(stripes, (len(found.latitude), len(found.longitude))))
        sizes.append(len(found.latitude) * len(found.longitude))
        starts = np.cumsum([0, *sizes[:-1]], dtype=np.int32)
        # A weight for each place is what a linear layer of one-hot vectors comes to.
        table = nn.Embed(sum(sizes), 1, embedding_init=nn.initializers.zeros_init(), name="wide")
        wide = table(jnp.stack(places, axis=1) + starts)[..., 0].sum(axis=1)
        predicted: jax.Array = nn.Dense(1)(deep)[:, 0] + wide
        return predicted


@dataclass(frozen=True)
class WideDeepHousing(TableRegression):
    """Options of a wide and deep net for house values."""

    units: Annotated[int, "units of each hidden layer", COUNT] = 30
    layers: Annotated[int, "hidden layers of the deep part", COUNT] = 2
    buckets: Annotated[int, "quantile buckets of each feature, in the wide part", Range(2)] = 10
    stripes: Annotated[
        int, "quantile buckets of latitude and of longitude that are crossed", Range(2)
    ] = 40

    def smoke(self) -> Self:
        """Some twenty updates of a narrow net."""
        return replace(self, epochs=1, batch_size=512, units=4, buckets=3, stripes=4)

    def make(self) -> Experiment:
        """A regression of the book's splits.

        Raises:
            Mistake: the data set is not prepared.
        """
        splits = read_splits()
        statistics = fit_districts(splits["train"], self.buckets, self.stripes)
        return self._make(statistics, with_statistics(splits, statistics))

    def make_to_use(self, needs: Needs) -> Experiment:
        """The same without districts to learn from."""
        return self._make(DistrictStatistics.restore(needs["statistics"]), {})

    def _make(self, statistics: DistrictStatistics, splits: Mapping[str, Source]) -> Experiment:
        net = WideAndDeep(statistics, self.units, self.layers)
        return make_regression(self, net, COLUMNS, TARGET, splits, statistics)


def with_statistics(
    splits: Mapping[str, ArraySource], statistics: Statistics
) -> dict[str, ArraySource]:
    """The same sources, whose digests, and so a run's ledger, hold those of the statistics."""
    return {name: replace(one, meaning=statistics.digest()) for name, one in splits.items()}
