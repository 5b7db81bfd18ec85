"""Metrics against numpy, and `merge` as a monoid."""

from __future__ import annotations

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import confusion_matrix

from research.engine import metrics
from research.engine.metrics import Count, Maximum, Mean, Sums

WHOLE = st.integers(-1000, 1000)
"""Sums of these are exact in float32, so that equality may be asked for."""
SIZE = 6


@st.composite
def intervals(draw: st.DrawFn) -> dict[str, metrics.Metric]:
    values = np.float32(draw(st.lists(WHOLE, min_size=SIZE, max_size=SIZE)))
    weights = np.float32(draw(st.lists(st.integers(0, 5), min_size=SIZE, max_size=SIZE)))
    return {
        "mean": metrics.mean(values, weights),
        "count": metrics.count(weights > 2),
        "maximum": metrics.maximum(values, weights > 2),
        "sums": Sums(jnp.asarray(values).reshape(2, 3)),
    }


def same(left: metrics.Metrics, right: metrics.Metrics) -> bool:
    return bool(jax.tree.all(jax.tree.map(np.array_equal, left, right)))


@settings(max_examples=30, deadline=None)
@given(intervals(), intervals(), intervals())
def test_merge_is_associative_with_a_neutral_element(a, b, c):
    assert same(
        metrics.merge(metrics.merge(a, b), c),
        metrics.merge(a, metrics.merge(b, c)),
    )
    empty = metrics.empty_like(a)
    assert same(metrics.merge(empty, a), a) and same(metrics.merge(a, empty), a)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.floats(-100, 100, width=32), st.floats(0, 10, width=32)),
        min_size=SIZE,
        max_size=SIZE,
    )
)
def test_a_weighted_mean_is_numpy_s(pairs):
    values, weights = np.float32([p[0] for p in pairs]), np.float32([p[1] for p in pairs])
    ours = metrics.read({"m": metrics.mean(values, weights)})["m"]
    if weights.sum() == 0:
        assert ours is None
    else:
        theirs = np.average(values.astype(np.float64), weights=weights.astype(np.float64))
        assert ours == pytest.approx(theirs, rel=1e-4, abs=1e-3)


def test_the_mean_of_merged_parts_weighs_by_weight_and_not_by_part():
    parts = [metrics.mean(np.float32([1, 1, 1])), metrics.mean(np.float32([5]))]
    merged = metrics.merge({"m": parts[0]}, {"m": parts[1]})
    assert metrics.read(merged) == {"m": 2.0}
    mean_of_means = sum(metrics.read({"m": p})["m"] for p in parts) / 2
    assert mean_of_means != 2.0


@settings(max_examples=30, deadline=None)
@given(st.lists(intervals(), min_size=1, max_size=4))
def test_merging_all_is_merging_one_after_another(parts):
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *parts)
    assert same(metrics.merge_all(stacked), functools.reduce(metrics.merge, parts))


def test_maxima_are_not_added_up():
    stacked = {
        "largest": Maximum(jnp.float32([3, -jnp.inf, 5])),
        "n": Count(jnp.float32([1, 2, 3])),
    }
    assert metrics.read(metrics.merge_all(stacked)) == {"largest": 5.0, "n": 6.0}


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_whatever_a_metric_is_called_it_has_to_be_finite(bad):
    fine = {
        "loss": metrics.mean(jnp.float32([1])),
        "ignored": metrics.mean(jnp.float32([bad, 1]), jnp.float32([0, 1])),
        "count": metrics.count(jnp.ones(2)),
        "nothing_yet": metrics.maximum(jnp.ones(2), where=False),
    }
    assert metrics.all_finite(fine) and metrics.all_finite({})
    assert not metrics.all_finite({**fine, "critic_loss": metrics.mean(jnp.float32([bad]))})
    assert not metrics.all_finite({**fine, "n": Count(jnp.float32(bad))})
    assert not metrics.all_finite({**fine, "each": Sums(jnp.float32([[1, bad], [2, 3]]))})
    assert metrics.all_finite({**fine, "each": Sums(jnp.ones((2, 2)))})
    if bad != -np.inf:
        assert not metrics.all_finite({**fine, "change": metrics.maximum(jnp.float32([bad]))})


def test_an_empty_interval_is_none_and_a_count_is_zero():
    example = {
        "mean": metrics.mean(jnp.ones(3)),
        "maximum": metrics.maximum(jnp.ones(3)),
        "count": metrics.count(jnp.ones(3)),
    }
    empty = metrics.empty_like(jax.eval_shape(lambda: example))
    assert metrics.read(empty) == {"mean": None, "maximum": None, "count": 0.0}
    assert metrics.read({"m": metrics.mean(jnp.zeros(3))}) == {"m": 0.0}


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_has_no_weight_is_ignored_whatever_it_is(value):
    values = np.float32([value, 2, 4])
    assert metrics.read({"m": metrics.mean(values, np.float32([0, 1, 3]))}) == {"m": 3.5}
    assert metrics.read({"m": metrics.maximum(values, np.bool_([0, 1, 1]))}) == {"m": 4.0}
    seen = metrics.read({"m": metrics.mean(values, np.float32([1, 1, 3]))})["m"]
    assert seen is not None and not math.isfinite(seen)


def test_sums_are_float32_whatever_comes_in():
    for dtype in (jnp.bfloat16, jnp.float16, jnp.bool_, jnp.int32):
        assert metrics.mean(jnp.ones(300, dtype)).total == 300
        assert metrics.mean(jnp.ones(300, dtype)).total.dtype == jnp.float32
    assert np.sum(np.ones(300, jnp.bfloat16), dtype=jnp.bfloat16) != 300


def test_other_names_and_kinds_do_not_merge():
    mean, count = metrics.mean(jnp.ones(2)), metrics.count(jnp.ones(2))
    with pytest.raises(ValueError, match=r"\['a'\] and \['b'\]"):
        metrics.merge({"a": mean}, {"b": mean})
    with pytest.raises(TypeError, match="Mean with Count"):
        metrics.merge({"a": mean}, {"a": count})


def test_read_prefixes_names_and_gives_plain_floats():
    on_host = {
        "m": Mean(np.float32(3), np.float32(2)),
        "c": Count(np.float32(7)),
        "x": Maximum(np.float32(-1)),
    }
    found = metrics.read(on_host, "test/")
    assert found == {"test/m": 1.5, "test/c": 7.0, "test/x": -1.0}
    assert all(type(value) is float for value in found.values())


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.booleans()), min_size=1))
def test_a_confusion_matrix_is_scikit_learns_and_padding_counts_nothing(rows):
    label, predicted, real = map(np.array, zip(*rows, strict=True))
    found = metrics.confusion(label, predicted, 4, np.float32(real))
    expected = confusion_matrix(label[real], predicted[real], labels=range(4)) if any(real) else 0
    np.testing.assert_array_equal(found.total, np.broadcast_to(expected, (4, 4)))
    parts = [
        {"c": metrics.confusion(label[at], predicted[at], 4, np.float32(real[at]))}
        for at in (slice(None, 3), slice(3, None))
    ]
    np.testing.assert_array_equal(metrics.merge(*parts)["c"].total, found.total)


def test_sums_are_no_figures_and_have_their_members_first():
    example = {"loss": metrics.mean(jnp.ones(2)), "each": Sums(jnp.arange(6.0).reshape(2, 3))}
    assert metrics.figure_names(example) == ["loss"]
    assert metrics.read(example, "test/") == {"test/loss": 1.0}
    members = jax.tree.map(lambda leaf: np.stack([leaf, 2 * leaf]), example)
    found = metrics.read_sums(members, "test/")
    assert list(found) == ["test/each"] and found["test/each"].shape == (2, 2, 3)
    assert metrics.read(members) == {"loss": [1.0, 1.0]}
