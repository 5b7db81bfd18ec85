"""Windows of a sequence: which elements, in which order; and splits that share nothing."""

from __future__ import annotations

from itertools import pairwise

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from research.data.feed import open_feed
from research.data.sequences import (
    contiguous_rows,
    overlapping_rows,
    split_by_time,
    windows_in,
)
from research.data.sources.arrays import ArraySource
from research.engine.experiment import Data
from research.errors import Mistake

pytestmark = pytest.mark.usefixtures("plainly_compiled")

SHARES = {"train": 0.8, "validation": 0.1, "test": 0.1}


@given(length=st.integers(1, 5000), gap=st.integers(0, 120))
def test_splits_share_no_element_and_a_gap_lies_between(length, gap):
    try:
        spans = split_by_time(length, SHARES, gap)
    except Mistake as mistake:
        assert f"{length} elements are too few" in str(mistake)
        assert length - 2 * gap < 20
        return
    ordered = list(spans.values())
    assert ordered[0].start == 0 and ordered[-1].stop == length
    assert all(later.start - earlier.stop == gap for earlier, later in pairwise(ordered))
    seen = [set(range(*span)) for span in ordered]
    assert not (seen[0] & seen[1] or seen[1] & seen[2])


def test_shares_that_make_no_sense_are_refused():
    for shares in ({"a": 0.8, "b": 0.3}, {"a": 1.0, "b": 0.0}):
        with pytest.raises(ValueError, match="must be positive and sum up to 1"):
            split_by_time(100, shares, 0)
    with pytest.raises(Mistake, match="nothing is left of 'validation'"):
        split_by_time(121, SHARES, 58)


@pytest.mark.parametrize(
    ("length", "window", "shift", "batch"),
    [(60, 5, 1, 4), (59, 9, 3, 5), (7, 7, 1, 1), (40, 1, 2, 3)],
)
def test_an_epoch_of_overlapping_windows_holds_each_once(length, window, shift, batch):
    rows = jax.jit(overlapping_rows(length, window, batch, shift))
    count = windows_in(length, window, shift)
    key = jax.random.key(3)

    def epoch(number):
        steps = range(number * (count // batch), (number + 1) * (count // batch))
        return np.concatenate([np.asarray(rows(key, step).position) for step in steps])

    first, second = epoch(0), epoch(1)
    for seen in (first, second):
        starts = seen[:, 0]
        np.testing.assert_array_equal(seen, starts[:, None] + np.arange(window))
        assert (starts % shift == 0).all() and starts.max() + window <= length
        assert len(set(starts.tolist())) == len(starts) == count - count % batch
    if count >= 30:  # control: another epoch has another order
        assert (first != second).any()


@settings(deadline=None)
@given(length=st.integers(2, 300), window=st.integers(1, 12), batch=st.integers(1, 6))
def test_contiguous_windows_go_on_where_they_stopped(length, window, batch):
    if length // batch < window + 1:
        with pytest.raises(Mistake, match="fewer than a window of"):
            contiguous_rows(length, window, batch)
        return
    windows, rows = contiguous_rows(length, window, batch)
    key, text = jax.random.key(0), np.arange(length)
    seen = [text[np.asarray(rows(key, step).position)] for step in range(windows + 1)]
    for now, after in pairwise(seen[:-1]):
        np.testing.assert_array_equal(after[:, 0], now[:, -1])
    np.testing.assert_array_equal(seen[-1], seen[0])
    inputs = np.concatenate([part[:, :-1] for part in seen[:-1]], axis=1)
    assert len(np.unique(inputs)) == inputs.size == windows * window * batch
    assert length // batch - inputs.shape[1] <= window


def test_a_text_shorter_than_a_window_is_told():
    with pytest.raises(Mistake, match="the text has 9 elements, fewer than a window of 10"):
        windows_in(9, 10, whose="the text")


@pytest.mark.parametrize("rows", [overlapping_rows(500, 11, 4), contiguous_rows(500, 10, 4).rows])
def test_windows_are_gathered_from_what_lies_on_the_device_or_is_streamed(rows):
    source = ArraySource("numbers", {"symbol": np.arange(500, dtype=np.uint16)})
    batches = {}
    for placement in ("resident", "streamed"):
        with open_feed(Data({"train": source}, rows), placement) as feed:
            window = next(iter(feed.windows(0, 0, 7)))
            batch = feed.batch(window.arrays, np.uint32(0), np.int32(5))
            batches[placement] = jax.device_get(batch)
    left, right = batches["resident"], batches["streamed"]
    assert left["symbol"].shape == (4, 11)
    np.testing.assert_array_equal(np.diff(left["symbol"].astype(int), axis=1), 1)
    jax.tree.map(np.testing.assert_array_equal, left, right)
