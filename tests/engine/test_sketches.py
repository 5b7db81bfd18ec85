"""Sketches: as far apart as the leaves are by NumPy's norm, and never near where they are not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from research.engine import digests
from research.engine.digests import SUMS, distance, sketch


def relative(left, right):
    wide = left.astype(np.float64), right.astype(np.float64)
    return np.linalg.norm(wide[0] - wide[1]) / max(np.linalg.norm(wide[0]), np.linalg.norm(wide[1]))


@pytest.mark.parametrize("size", [1, 2, 10, 1000, 4096, 4097, 300_000])
def test_the_estimate_is_near_the_distance(size):
    rng = np.random.default_rng(size)
    ratios = []
    for _ in range(60):
        left = rng.normal(size=size).astype(np.float32)
        noise = 10 ** rng.uniform(-5, 0.5) * rng.normal(size=size)
        right = (left + noise).astype(np.float32)
        ratios.append(distance(sketch(left), sketch(right)) / relative(left, right))
    # Three signed sums: chi squared with three degrees of freedom, or one value alone.
    assert 0.6 < np.median(ratios) < 1.3
    assert np.mean(np.array(ratios) > 1 / 3) > 0.85 and max(ratios) < 3


def test_rearranged_leaves_are_far_apart_where_sums_and_norms_are_equal():
    leaf = np.arange(10_000, dtype=np.float32)
    other = np.concatenate([leaf[:1], leaf[1:-1][::-1], leaf[-1:]])
    assert leaf.sum() == other.sum() and leaf[0] == other[0] and leaf[-1] == other[-1]
    assert distance(sketch(leaf), sketch(other)) > 0.2
    swapped = np.concatenate([leaf[5000:], leaf[:5000]])
    assert distance(sketch(leaf), sketch(swapped)) > 0.2


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 9000), st.sampled_from(["float32", "float16", "int32", "uint8", "bool"]))
def test_a_leaf_is_at_no_distance_from_itself_and_its_norm_is_numpys(size, dtype):
    leaf = (np.arange(size) % 7).astype(dtype)
    made = sketch(leaf)
    assert made.dtype == np.float32 and made.shape == (1 + SUMS,)
    assert made[0] == pytest.approx(np.linalg.norm(leaf.astype(np.float64)), rel=1e-6)
    assert distance(made, sketch(leaf.reshape(-1, 1))) == 0


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_infinitely_far_from_everything(bad):
    good = np.ones(10, np.float32)
    worse = good.copy()
    worse[3] = bad
    for pair in ((good, worse), (worse, good), (worse, worse)):
        assert distance(*map(sketch, pair)) == float("inf")


def test_a_complex_number_counts_as_two():
    leaf = np.array([3 + 4j, 0], np.complex64)
    assert sketch(leaf)[0] == 5
    assert distance(sketch(leaf), sketch(leaf.conj())) > 0.5


def test_sketches_survive_being_spelled():
    leaves = {"a": np.ones((3, 4)), "b": np.zeros(0), "c": np.float32(2)}
    found = digests.parse(digests.spell(leaves), list(leaves))
    for name, leaf in leaves.items():
        np.testing.assert_array_equal(found[name], sketch(leaf))
    with pytest.raises(ValueError, match="reshape"):
        digests.parse(digests.spell(leaves), ["a", "b"])
