"""The ridership series: its splits, its calendar, its windows, and what is said of bad input."""

from __future__ import annotations

import itertools
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.sequence import ridership_multivariate, ridership_naive, ridership_rnn
from research.data.feed import open_feed
from research.data.tfds_split import TfdsSplit
from research.engine.experiment import traced
from research.errors import Mistake
from research.options.config import make_experiment, problems_of
from research.sequence.forecasts.ridership import (
    DATASET,
    FEATURES,
    STARTS,
    next_day_type,
    published_spans,
    read_ridership,
    ridership_sources,
    windows_of,
)

pytestmark = pytest.mark.usefixtures("plainly_compiled")


@pytest.fixture(scope="module")
def record():
    """The columns as they were prepared."""
    try:
        return TfdsSplit(DATASET, "train").load()
    except Mistake as missing:
        pytest.skip(str(missing).splitlines()[0])


def test_the_next_days_type_is_that_of_the_next_day():
    types = np.array([2, 2, 0, 1, 1, 2])
    known = next_day_type(types)
    np.testing.assert_array_equal(known[:-1], np.eye(3)[types[1:]])
    assert not known[-1].any()
    # The same day's own type is another thing: a shift by a day would be seen.
    assert not np.array_equal(known[:-1], np.eye(3)[types[:-1]])


def test_the_calendar_is_in_step_with_the_record(record):
    days = read_ridership("published", 57)
    kind = days.values[:-1, 2:]
    np.testing.assert_array_equal(np.argmax(kind, axis=1), record["day_type"][1:])
    assert np.mean(np.argmax(kind, axis=1) == record["day_type"][:-1]) < 0.8
    weekday = days.dates.astype("datetime64[D]").view("int64") % 7  # 1970-01-01 was a Thursday
    saturday = kind[:, 0] == 1
    assert set(weekday[:-1][saturday]) == {1}, "what precedes a Saturday is a Friday"
    np.testing.assert_allclose(1e6 * days.values[:, 0], record["rail_boardings"], atol=0.1)
    np.testing.assert_allclose(1e6 * days.values[:, 1], record["bus"], atol=0.1)


def test_published_splits_are_the_books(record):
    days = read_ridership("published", 57)
    first = {name: str(days.dates[span.start]) for name, span in days.spans.items()}
    assert first == STARTS
    assert {name: len(days.of(name)) for name in days.spans} == {
        "train": 1096,
        "validation": 151,
        "test": len(record["bus"]) - days.spans["test"].start,
    }


@pytest.mark.parametrize("length", [57, 70])
def test_gaps_are_as_long_as_an_example_and_no_window_is_in_two_splits(record, length):
    days = read_ridership("gaps", length)
    for before, after in itertools.pairwise(days.spans.values()):
        assert after.start - before.stop == length
    position = np.arange(len(days.values), dtype=np.float32)[:, None]
    sources = ridership_sources(days._replace(values=position), length, 1)
    seen = {name: set(source.load()["values"].ravel()) for name, source in sources.items()}
    assert all(seen.values())
    for one, other in itertools.combinations(seen.values(), 2):
        assert not one & other and abs(min(other) - max(one)) > length


def test_windows_are_all_stretches_of_a_split(record):
    days = read_ridership("published", 57)
    sources = ridership_sources(days, 57, len(FEATURES))
    assert sources["train"].load()["values"].shape == (1096, 5)
    held = sources["validation"].load()["values"]
    assert held.shape == (95, 57, 5)
    np.testing.assert_array_equal(held[3], days.of("validation")[3:60])
    assert windows_of(np.arange(5)[:, None], 5).shape == (1, 5, 1)


def _measured(config, split):
    experiment = make_experiment(config)
    init = jax.jit(experiment.init)(jax.random.key(0), traced(experiment.hyperparameters))
    feed = open_feed(experiment.data, "resident")
    evaluate, total, weight = jax.jit(experiment.evaluate), 0.0, 0.0
    for batch in feed.evaluation(split):
        mae = evaluate(init, batch, jax.random.key(0))["mae"]
        total, weight = total + float(mae.total), weight + float(mae.weight)
    return total / weight


def test_the_naive_error_is_numpys_and_the_books(record):
    """The book's 43,442 is that of buses; of trains the same days give 41,274."""
    rail = record["rail_boardings"].astype(np.float64)
    days = read_ridership("published", 57)
    for split, (start, stop) in days.spans.items():
        if split == "train":
            continue
        first = start + 56
        expected = np.mean(np.abs(rail[first:stop] - rail[first - 7 : stop - 7]))
        assert _measured(ridership_naive.config, split) == pytest.approx(expected, rel=1e-4)
    start, stop = days.spans["validation"]
    bus = record["bus"].astype(np.float64)
    change = np.abs(bus[start + 56 : stop] - bus[start + 49 : stop - 7])
    assert np.mean(change) == pytest.approx(43_441.63, abs=0.01)


def test_the_naive_error_fourteen_days_ahead_repeats_the_last_week(record):
    rail = record["rail_boardings"].astype(np.float64)
    start, stop = read_ridership("published", 70).spans["validation"]
    errors = []
    for begin in range(start, stop - 69):
        week = rail[begin + 49 : begin + 56]
        errors.append(np.abs(np.tile(week, 2) - rail[begin + 56 : begin + 70]))
    found = _measured(replace(ridership_naive.config, horizon=14), "validation")
    assert found == pytest.approx(np.mean(errors), rel=1e-4)


def test_what_a_step_is_fed_are_days_that_follow_one_another(record):
    experiment = make_experiment(ridership_multivariate.config)
    feed = open_feed(experiment.data, "resident")
    (window,) = feed.windows(0, 0, 1)
    batch = feed.batch(window.arrays, jnp.uint32(0), jnp.int32(3))
    train = read_ridership("published", 57).of("train")
    assert batch["values"].shape == (32, 57, 5)
    starts = [int(np.flatnonzero((train == row[0]).all(axis=1))[0]) for row in batch["values"]]
    for start, row in zip(starts, batch["values"], strict=True):
        np.testing.assert_array_equal(row, train[start : start + 57])
    assert len(set(starts)) == 32


@pytest.mark.parametrize("cut", ["published", "gaps"])
def test_a_window_longer_than_a_split_is_told(record, cut):
    with pytest.raises(Mistake, match="elements"):
        make_experiment(replace(ridership_rnn.config, cut=cut, window=4000))


def test_what_does_not_fit_is_told_by_name(record):
    with pytest.raises(Mistake, match=r"validation split of cta_ridership has 151 .* 201"):
        make_experiment(replace(ridership_rnn.config, window=200))
    with pytest.raises(Mistake, match="nothing is left of 'train'"):
        read_ridership("gaps", 3820)
    with pytest.raises(Mistake, match="--batch-size 2000"):
        make_experiment(replace(ridership_rnn.config, batch_size=2000))


def test_a_record_without_the_books_days_has_no_published_splits():
    dates = np.arange("2016-02-01", "2019-12-31", dtype="datetime64[D]")
    with pytest.raises(Mistake, match="--cut gaps"):
        published_spans(dates)
    with pytest.raises(Mistake, match="--cut gaps"):
        published_spans(np.arange("2015-01-01", "2019-06-01", dtype="datetime64[D]"))


def test_options_out_of_range_are_named():
    wrong = replace(ridership_rnn.config, window=6, huber_delta=0.0, units=0, groups=0)
    problems = " ".join(problems_of(wrong))
    assert all(f"--{name}" in problems for name in ("window", "huber-delta", "units", "groups"))
    (problem,) = problems_of(replace(ridership_rnn.config, groups=5))
    assert "--groups must divide --batch-size" in problem
