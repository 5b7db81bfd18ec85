"""Comparisons: what is the same passes, and each kind of difference is found where it is."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from research.export.comparing import TOLERANCE, compare


@settings(max_examples=20)
@given(
    value=st.floats(-1e6, 1e6, width=32),
    share=st.floats(-2.0, 2.0).filter(lambda share: abs(abs(share) - 1) > 0.1),
)
def test_a_number_may_differ_by_the_tolerance_relatively_where_it_is_large(value, share):
    wanted = np.array([[value]], np.float64)
    made = wanted + share * TOLERANCE * max(1.0, abs(value))
    assert bool(compare({"mean": wanted}, {"mean": made}).differs) == (abs(share) > 1)


def test_what_is_the_same_has_its_largest_difference():
    wanted = {"probability": np.array([[0.5, 0.25, 0.25], [0.1, 0.2, 0.7]], np.float32)}
    wanted["action"] = np.array([0, 2], np.int32)
    made = {**wanted, "probability": wanted["probability"] + np.float32(2e-6)}
    found = compare(wanted, made)
    assert not found.differs
    assert found.largest["probability"] == pytest.approx(2e-6, rel=0.1)
    assert found.largest["action"] == 0.0


@pytest.mark.parametrize(
    ("made", "says", "place"),
    [
        ([[0.2, 0.8], [0.5 + 1e-6, 0.5]], "the most probable class of [1] is 0, not 1", (1,)),
        ([[0.2, 0.8], [0.5, np.nan]], "probability[1, 1] is nan", (1, 1)),
        ([[0.2, 0.8], [0.5, np.inf]], "probability[1, 1] is inf", (1, 1)),
        ([[0.2, 0.7], [0.5, 0.5]], "probability[0, 1] is 0.7", (0, 1)),
        ([[0.2, 0.8]], "probability is float32 (1, 2), not float32 (2, 2)", ()),
    ],
)
def test_a_difference_is_found_where_it_is(made, says, place):
    wanted = {"probability": np.array([[0.2, 0.8], [0.5, 0.5 + 1e-6]], np.float32)}
    found = compare(wanted, {"probability": np.array(made, np.float32)})
    assert says in found.differs and found.place == place


def test_whole_numbers_and_names_must_be_the_same():
    wanted = {"tokens": np.array([[1, 2], [3, 4]], np.int32)}
    assert compare(wanted, {"tokens": np.array([[1, 2], [3, 5]], np.int32)}).place == (1, 1)
    assert "not int32" in compare(wanted, {"tokens": wanted["tokens"].astype(np.int64)}).differs
    assert (
        compare(wanted, {"token": wanted["tokens"]}).differs == "its outputs are token, not tokens"
    )
    assert not compare(wanted, {"tokens": wanted["tokens"].copy()}).differs


WANTED = {"tokens": np.array([[5, 6, 7, 0], [5, 6, 7, 8]], np.int32)}
MARGIN = np.array([[0.9, 1e-6, 0.3, 0.0], [0.9, 0.4, 0.3, 0.2]], np.float32)


def test_after_a_tie_it_is_another_text():
    made = {"tokens": np.array([[5, 9, 8, 2], [5, 6, 7, 8]], np.int32)}
    found = compare(WANTED, made, lambda rows: MARGIN[rows])
    assert (found.differs, found.ties) == ("", 1)
    assert compare(WANTED, WANTED, lambda rows: MARGIN[rows]).ties == 0
    # The control: where nothing is known of ties, it is a difference.
    assert compare(WANTED, made).place == (0, 1)


@pytest.mark.parametrize(
    ("made", "says", "place"),
    [
        # Before the tie.
        ([[4, 9, 8, 2], [5, 6, 7, 8]], "tokens[0, 0] is 4, not 5", (0, 0)),
        # In another text than that of the tie.
        ([[5, 9, 8, 2], [5, 6, 1, 8]], "tokens[1, 2] is 1, not 7", (1, 2)),
        # After a tie at which both took the same.
        ([[5, 6, 8, 0], [5, 6, 7, 8]], "tokens[0, 2] is 8, not 7", (0, 2)),
    ],
)
def test_a_tie_excuses_nothing_but_what_follows_from_it(made, says, place):
    found = compare(WANTED, {"tokens": np.array(made, np.int32)}, lambda rows: MARGIN[rows])
    assert says in found.differs and found.place == place
