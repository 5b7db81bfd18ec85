"""The plain net for house values: normalised as scikit-learn does, by the training split alone."""

from __future__ import annotations

import json

import jax
import numpy as np
import pytest
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from research.data.districts import COLUMNS, features_of
from research.data.sources.arrays import ArraySource
from research.options.config import make_experiment
from research.tabular.plain_housing import (
    FeatureStatistics,
    NormalizedMLP,
    PlainHousing,
    fit_features,
)
from tests.tabular.made_districts import Unreadable, districts

pytestmark = pytest.mark.usefixtures("plainly_compiled")


class OfTwoSplits(PlainHousing):
    """Its own districts."""

    def splits(self):
        return {"train": ArraySource("t", districts(0)), "test": Unreadable("u", districts(1))}


def test_the_net_is_scikit_learns_pipeline_and_a_hidden_layer_by_the_training_split_alone():
    small = OfTwoSplits(batch_size=32, units=6)
    made = make_experiment(small)
    assert made.needs is not None
    statistics = FeatureStatistics.restore(json.loads(json.dumps(made.needs["statistics"])))
    assert statistics == fit_features(ArraySource("t", districts(0)))

    net, test = NormalizedMLP(statistics, units=6, layers=1), districts(1)
    raw = {name: test[name] for name in COLUMNS}
    params = jax.eval_shape(net.init, jax.random.key(0), raw)["params"]
    draw = np.random.default_rng(2)
    params = jax.tree.map(lambda leaf: draw.normal(size=leaf.shape).astype(np.float32), params)
    before = [np.asarray(features_of(one)).astype(np.float64) for one in (districts(0), test)]
    pipeline = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    scaled = pipeline.fit(before[0]).transform(before[1])
    hidden = np.maximum(scaled @ params["Dense_0"]["kernel"] + params["Dense_0"]["bias"], 0)
    expected = (hidden @ params["Dense_1"]["kernel"] + params["Dense_1"]["bias"])[:, 0]
    np.testing.assert_allclose(net.apply({"params": params}, raw), expected, atol=1e-4)


def test_statistics_are_in_the_digest_of_every_split():
    def digest(train):
        class Config(OfTwoSplits):
            def splits(self):
                return {"train": ArraySource("t", train), "test": ArraySource("u", districts(1))}

        data = make_experiment(Config(batch_size=32)).data
        assert data is not None
        return data.splits["test"].digest()

    other = districts(0)
    other["median_income"][3] += 1
    assert digest(districts(0)) == digest(districts(0)) != digest(other)
