"""The wide and deep net: statistics of the training split alone, and features as scikit-learn's."""

from __future__ import annotations

import dataclasses
import io
import json

import jax
import numpy as np
import pytest
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from research.cli.predicted import Predicted, show
from research.data.districts import COLUMNS, features_of
from research.data.sources.arrays import ArraySource
from research.options.config import make_experiment
from research.prediction import Quantities
from research.serving.answers import make_reader
from research.tabular import wide_deep
from research.tabular.wide_deep import (
    DistrictStatistics,
    WideAndDeep,
    WideDeepHousing,
    fit_districts,
    with_statistics,
)
from tests.tabular.made_districts import Unreadable, districts

pytestmark = pytest.mark.usefixtures("plainly_compiled")


def test_no_statistic_reads_another_split(monkeypatch):
    def splits():
        parts = {"train": ArraySource, "validation": Unreadable, "test": Unreadable}
        return {name: kind(name, districts(0)) for name, kind in parts.items()}

    monkeypatch.setattr(wide_deep, "read_splits", splits)
    small = dataclasses.replace(WideDeepHousing().smoke(), batch_size=32)
    made = make_experiment(small)
    assert made.data is not None and made.needs is not None
    kept = DistrictStatistics.restore(json.loads(json.dumps(made.needs["statistics"])))
    assert kept == fit_districts(splits()["train"], small.buckets, small.stripes)
    # The control: whatever reads them, as evaluation does, is noticed.
    with pytest.raises(AssertionError, match="test was read"):
        made.data.splits["test"].read(np.arange(1))


def test_a_changed_training_district_changes_every_splits_digest_and_a_test_district_its_own():
    def digests(train, test):
        splits = {"train": ArraySource("train", train), "test": ArraySource("test", test)}
        statistics = fit_districts(splits["train"], 4, 5)
        return {n: one.digest() for n, one in with_statistics(splits, statistics).items()}

    first = digests(districts(0), districts(1))
    assert digests(districts(0), districts(1)) == first
    changed = districts(1)
    changed["median_income"][3] += 1
    other = digests(districts(0), changed)
    assert other["train"] == first["train"] and other["test"] != first["test"]
    other = digests(changed, districts(1))
    assert other["train"] != first["train"] and other["test"] != first["test"]


def test_raw_columns_give_what_scikit_learns_pipeline_and_the_same_weights_give():
    train, test = districts(0), districts(1)
    found = fit_districts(ArraySource("train", train), 4, 5)
    net = WideAndDeep(found, units=6, layers=1)
    raw = {name: test[name] for name in COLUMNS}
    params = jax.eval_shape(net.init, jax.random.key(0), raw)["params"]
    draw = np.random.default_rng(2)
    params = jax.tree.map(lambda leaf: draw.normal(size=leaf.shape).astype(np.float32), params)
    made = jax.jit(net.apply)({"params": params}, raw)

    imputer = SimpleImputer(strategy="median", add_indicator=True).set_output(transform="default")
    pipeline = make_pipeline(
        imputer, make_column_transformer((StandardScaler(), slice(0, 8)), remainder="passthrough")
    )
    before = [np.asarray(features_of(one)).astype(np.float64) for one in (train, test)]
    deep = pipeline.fit(before[0]).transform(before[1])
    assert deep.shape == (90, 9)
    hidden = np.maximum(deep @ params["Dense_0"]["kernel"] + params["Dense_0"]["bias"], 0)
    expected = (hidden @ params["Dense_1"]["kernel"] + params["Dense_1"]["bias"])[:, 0]
    filled = imputer.transform(before[1])[:, :8].astype(np.float32)
    start = 0
    for buckets, column in zip(found.buckets, filled.T, strict=True):
        expected += params["wide"]["embedding"][start + np.digitize(column, buckets.edges), 0]
        start += len(buckets)
    stripes = [
        np.digitize(filled[:, place], one.edges)
        for place, one in ((6, found.latitude), (7, found.longitude))
    ]
    cell = np.ravel_multi_index(stripes, (len(found.latitude), len(found.longitude)))
    expected += params["wide"]["embedding"][start + cell, 0]
    np.testing.assert_allclose(made, expected, atol=1e-4)
    assert np.isfinite(made).all() and np.isnan(raw["total_bedrooms"]).any()


def test_quantities_are_shown_with_what_is_true_and_read_by_name():
    kind = Quantities(("value, in 100,000 dollars",))
    outputs = {"mean": np.float32([2.5])}
    human = io.StringIO()
    rows = show(kind, [Predicted("test 0", {}, outputs, np.float32([3]))], human)
    assert rows == [{"input": "test 0", "names": [*kind.names], "mean": [2.5], "truth": [3.0]}]
    assert "value, in 100,000 dollars" in human.getvalue() and "true" in human.getvalue()
    assert make_reader(kind)({"mean": outputs["mean"][None]}) == [{kind.names[0]: 2.5}]
