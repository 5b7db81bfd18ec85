"""The studies of the tour: their figures, and that what they look for can be found."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from experiments.tour import arrays, devices, tracing
from research.data.tfds_split import TfdsSplit
from research.study import Study
from research.tour.side_by_side import Case

pytestmark = pytest.mark.usefixtures("plainly_compiled")


def figures_of(config: Study) -> dict[str, float]:
    return dict(config.find(jax.device_get(config.draw(jax.random.key(0))), {}).figures)


def test_numpy_and_jax_agree_and_differ_where_the_tour_says_so(monkeypatch):
    differ = sum(map(len, arrays.DIFFERENT.values()))
    # The control: a row that claims too much, the only one that is not as expected.
    wrong = Case("ones(2).dtype", lambda xp: xp.ones(2).dtype, same=True)
    monkeypatch.setattr(arrays, "SAME", (*arrays.SAME, wrong))
    found = figures_of(arrays.config)
    assert (found["unexpected"], found["differ"]) == (1, differ + 1)


def test_traces_are_counted_and_one_too_many_is_seen(monkeypatch):
    # The control again: the only row that is not as expected.
    monkeypatch.setattr(tracing, "lambda_traces", lambda calls: calls - 1.0)
    assert figures_of(tracing.config)["unexpected"] == 1


def test_reads_are_counted(monkeypatch):
    digests = {"mean": ["a"] * 3 + ["b"], "groups": ["c"] * 4}
    answer = {"placement": [["x", "device 0"]], "digests": digests}
    monkeypatch.setattr(devices, "ask_process", lambda: answer)
    found = figures_of(devices.config)
    assert (found["mean/digests"], found["groups/digests"]) == (2, 1)
    assert (found["loss_each_step/reads"], found["sum_at_the_end/reads"]) == (200, 1)
    assert found["state_each_step/bytes"] == 200 * 4000


@pytest.fixture(scope="module")
def housing() -> None:
    from research.data.prepared import find

    if find("california_housing") is None:
        pytest.skip("california_housing is not prepared in TFDS_DATA_DIR")


def test_the_rows_are_those_of_scikit_learns_splits():
    from sklearn.model_selection import train_test_split

    from research.data.districts import book_rows

    rest, test = train_test_split(np.arange(20640), random_state=42)
    train, validation = train_test_split(rest, random_state=42)
    rows = book_rows(20640)
    for name, expected in {"train": train, "validation": validation, "test": test}.items():
        np.testing.assert_array_equal(rows[name], expected)


def test_districts_are_scaled_by_the_training_split_alone(housing):
    from research.data.districts import features_of
    from research.tour.housing import read_housing

    splits = read_housing()
    sizes = {name: split.x.shape for name, split in splits.items()}
    assert sizes == {"train": (11610, 8), "validation": (3870, 8), "test": (5160, 8)}
    train = splits["train"].x.astype(np.float64)
    np.testing.assert_allclose(train.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(train.std(axis=0), 1, atol=1e-6)
    assert np.abs(splits["test"].x.mean(axis=0)).max() > 1e-3
    assert not any(np.isnan(split.x).any() for split in splits.values())
    columns = TfdsSplit("california_housing", "train").load()
    # Scikit-learn's description of its first district.
    np.testing.assert_allclose(
        features_of(columns)[0],
        [8.3252, 41.0, 6.98412698, 1.02380952, 322.0, 2.55555556, 37.88, -122.23],
        rtol=1e-6,
    )
