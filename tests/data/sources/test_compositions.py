"""Sources made of others against plain Python lists: rows, lengths, digests, messages."""

from __future__ import annotations

import dataclasses
import itertools
import json
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from research.data import columns as column_functions
from research.data.columns import as_objects
from research.data.reading import Reader
from research.data.sources import kept, portions
from research.data.sources.arrays import ArraySource
from research.data.sources.chained import Chained
from research.data.sources.filtered import Filtered
from research.data.sources.joined import Joined
from research.data.sources.mixed import Mixed
from research.data.sources.padded import Padded
from research.data.sources.portions import Portion, split
from research.data.sources.repeated import Repeated
from research.errors import Mistake
from tests.data.sources.made_of import numbers


def lists(count: int) -> ArraySource:
    rows = [np.arange(row % 5, dtype=np.int32) for row in range(count)]
    return ArraySource("lists", {"x": as_objects(rows), "y": np.arange(count)})


def small(columns):
    return columns["y"] < LIMIT


LIMIT = 6


def made(kind: str):
    """A source of that kind, and what its column `y` holds: written out by hand."""
    ten = numbers(10)
    return {
        "chained": (Chained((ten, numbers(3, 50))), [*range(10), 50, 51, 52]),
        "mixed": (Mixed((ten, numbers(3, 50)), (1, 1)), [*range(10), 50, 51, 52]),
        "joined": (Joined((ten, numbers(10, 5, "more", "z"))), [*range(10)]),
        "filtered": (Filtered(ten, small, "below the limit"), [0, 1, 2, 3, 4, 5]),
        "padded": (Padded(lists(10), {"x": 4}), [*range(10)]),
        "repeated": (Repeated(numbers(4), 3), [0, 1, 2, 3] * 3),
        "portion": (Portion(ten, 2, 9), [2, 3, 4, 5, 6, 7, 8]),
        "share": (Portion(ten, 0.5), [5, 6, 7, 8, 9]),
    }[kind]


KINDS = ["chained", "mixed", "joined", "filtered", "padded", "repeated", "portion", "share"]


@pytest.mark.parametrize("kind", KINDS)
def test_rows_lengths_and_copies_are_those_of_a_plain_list(kind):
    source, expected = made(kind)
    assert len(source) == len(expected)
    assert source.load()["y"].tolist() == expected
    for rows in ([], [0], [3, 1, 1, 2], [*range(len(expected))][::-1]):
        some = source.read(np.array(rows, int))
        assert some["y"].tolist() == [expected[row] for row in rows]
        whole = {name: column[np.array(rows, int)] for name, column in source.load().items()}
        assert some.keys() == whole.keys()
        if rows:
            assert column_functions.digest(some) == column_functions.digest(whole)
    with pytest.raises(IndexError):
        source.read(np.array([len(expected)]))
    copy = pickle.loads(pickle.dumps(source))
    assert copy.digest() == source.digest() and copy.load()["y"].tolist() == expected
    assert source.name and len(source.digest().split("-")) == 2


def test_no_two_of_them_have_one_digest():
    digests = {made(kind)[0].digest() for kind in KINDS} | {numbers(10).digest()}
    assert len(digests) == len(KINDS) + 1
    settings_that_count = [
        Repeated(numbers(4), 2),
        Portion(numbers(10), 2, 8),
        Portion(numbers(10), 2, 9, seed=0),
        Portion(numbers(10), 2, 9, seed=1),
        Mixed((numbers(10), numbers(3, 50)), (2, 1)),
        Chained((numbers(3, 50), numbers(10))),
        Padded(lists(10), {"x": 5}),
        Padded(lists(10), {"x": 4}, longer="cut"),
        Filtered(numbers(10), small, "below the limit", "2"),
        Filtered(numbers(9), small, "below the limit"),
    ]
    more = {source.digest() for source in settings_that_count}
    assert len(more) == len(settings_that_count) and not more & digests
    same = Mixed((numbers(10), numbers(3, 50)), (0.5, 0.5))
    assert same.digest() == made("mixed")[0].digest()


@settings(max_examples=20)
@given(st.lists(st.integers(0, 9), min_size=1, max_size=5), st.data())
def test_any_sources_end_to_end_are_one_list(counts, data):
    starts = [100 * k for k in range(len(counts))]
    plain = [
        start + row for start, count in zip(starts, counts, strict=True) for row in range(count)
    ]
    source = Chained(tuple(numbers(c, s) for c, s in zip(counts, starts, strict=True)))
    assert source.load()["y"].tolist() == plain and len(source) == len(plain)
    if plain:
        rows = data.draw(st.lists(st.integers(0, len(plain) - 1), max_size=12))
        assert source.read(np.array(rows, int))["y"].tolist() == [plain[row] for row in rows]


@settings(max_examples=20)
@given(st.integers(10, 200), st.integers(0, 5), st.floats(0.1, 0.4), st.floats(0.1, 0.4))
def test_splits_hold_every_example_once(count, seed, validation, test):
    parts = split(numbers(count), validation, test, seed)
    read = [part.load()["y"].tolist() for part in parts]
    assert sorted(itertools.chain(*read)) == [*range(count)]
    assert [len(part) for part in parts] == [len(each) for each in read]
    for part, wanted in zip(parts[1:], (validation, test), strict=True):
        assert abs(len(part) - wanted * count) <= 1
    again = split(numbers(count), validation, test, seed)
    assert [part.digest() for part in parts] == [part.digest() for part in again]
    if count > 30:
        assert (
            read[2] != split(numbers(count), validation, test, seed + 1).test.load()["y"].tolist()
        )
        assert read[0] != sorted(read[0])


def test_splits_in_order_and_their_messages():
    assert split(numbers(10), 0.2, 0.2, None).test.load()["y"].tolist() == [8, 9]
    with pytest.raises(ValueError, match="something must be left to train on"):
        split(numbers(10), 0.5, 0.5)
    with pytest.raises(Mistake, match="of 3 examples none is in it"):
        len(split(numbers(3), 0.1, 0.1).test)
    with pytest.raises(ValueError, match=r"a count or a share, not 1\.5"):
        Portion(numbers(3), 1.5)


def test_what_cannot_be_put_together_is_named():
    with pytest.raises(Mistake, match=r"3 in numbers, 4 in more\. Where one has broken records"):
        Joined((numbers(3), numbers(4, 0, "more", "z"))).load()
    with pytest.raises(Mistake, match="numbers and more both have a column 'y'"):
        Joined((numbers(3), numbers(3, 0, "more"))).read(np.arange(2))
    other = ArraySource("others", {"y": np.ones(3, np.float32)})
    with pytest.raises(Mistake, match=r"numbers has y int64\[\]; others has y float32\[\]"):
        Chained((numbers(3), other)).digest()
    with pytest.raises(Mistake, match=r"different columns: numbers has y int64\[\]; more has z"):
        Chained((numbers(3), numbers(2, 0, "more", "z"))).load()
    with pytest.raises(ValueError, match="Joined needs at least one source"):
        Joined(())
    with pytest.raises(ValueError, match="Mixed needs at least one source"):
        Mixed((), ())
    with pytest.raises(Mistake, match="more has no example to be mixed"):
        Mixed((numbers(3), numbers(0, 0, "more")), (1, 1)).rows(2)
    with pytest.raises(ValueError, match="at least 1"):
        Repeated(numbers(3), 0)


def counted_source(count: int, reads: list[int]) -> ArraySource:
    class Counted(ArraySource):
        def read(self, index):
            reads.append(len(index))
            return super().read(index)

    return Counted("numbers", {"y": np.arange(count)})


@settings(max_examples=15)
@given(st.integers(1, 3000), st.integers(2, 9), st.integers(0, 8))
def test_what_is_kept_is_what_a_list_would_keep(count, modulus, rest):
    def keep(columns):
        return columns["y"] % modulus == rest % modulus

    expected = [row for row in range(count) if row % modulus == rest % modulus]
    source = Filtered(numbers(count), keep, "of one remainder")
    if not expected:
        with pytest.raises(Mistake, match=f"of {count:,} examples none is kept"):
            len(source)
        return
    # Two functions of one text differ in the values that they enclose, and share no index.
    assert len(source) == len(expected) and source.load()["y"].tolist() == expected


def test_a_filter_is_made_once_and_anew_when_its_predicate_changes(cache, monkeypatch):
    reads: list[int] = []
    make = lambda **changes: dataclasses.replace(  # noqa: E731
        Filtered(counted_source(5000, reads), small, "below the limit"), **changes
    )
    assert len(make()) == 6
    first = sum(reads)
    assert first >= 5000
    assert len(make()) == 6 and sum(reads) < first + 20
    monkeypatch.setattr(functions_of_this(), "LIMIT", 8)  # A value of the module counts.
    assert len(make()) == 8
    assert len(make(version="2")) == 8
    reads.clear()
    (one,) = {
        path.parent for path in cache.glob("found/*/numbers.bin") if path.stat().st_size == 48
    }
    (one / "numbers.bin").write_bytes(b"\1" * 48)
    monkeypatch.setattr(functions_of_this(), "LIMIT", 6)
    assert make().load()["y"].tolist() == [*range(6)] and sum(reads) >= 5000


def test_readers_and_worker_processes_do_not_filter_again(monkeypatch):
    reads: list[int] = []
    source = Portion(Filtered(counted_source(5000, reads), small, "below the limit"), 1)
    assert len(source) == 5
    reads.clear()
    monkeypatch.setattr(ArraySource, "digest", None)
    assert Reader(source).read(np.arange(5)).columns["y"].tolist() == [1, 2, 3, 4, 5]
    monkeypatch.undo()
    assert sum(reads) == 5
    sent = pickle.loads(pickle.dumps(Filtered(numbers(5000), small, "below the limit")))
    assert "_rows" not in vars(sent) and len(sent) == 6
    assert "_rows" in vars(pickle.loads(pickle.dumps(sent)))


def functions_of_this():
    import sys

    return sys.modules[__name__]


def test_where_nothing_can_be_kept_it_is_found_each_time(cache, monkeypatch, caplog):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(kept, "publish", full)
    assert Filtered(numbers(5000), small, "below the limit").load()["y"].tolist() == [*range(6)]
    assert "No space left on device" in caplog.text and not [*cache.glob("found/*/numbers.bin")]


@pytest.mark.parametrize(
    ("keep", "message"),
    [
        (lambda columns: columns["y"] > columns["y"].mean(), "is kept or not in another way"),
        (lambda columns: columns["y"], r"gives int64 \[8\]; give a bool for each"),
        (lambda columns: np.array([True]), r"gives bool \[1\]; give a bool for each"),
    ],
)
def test_predicates_that_are_none_are_refused(keep, message):
    with pytest.raises(Mistake, match=message):
        len(Filtered(numbers(10), keep, "odd ones"))


@settings(max_examples=15)
@given(st.lists(st.integers(0, 7), min_size=1, max_size=9), st.integers(1, 8))
def test_padding_is_zeros_and_counts(lengths, length):
    rows = [np.arange(1, 1 + n, dtype=np.int32) for n in lengths]
    source = ArraySource("rows", {"x": as_objects(rows)})
    plain = [[*range(1, 1 + n)] for n in lengths]

    def filled(most):
        return [(row + [0] * most)[:most] for row in plain]

    cut = Padded(source, {"x": length}, longer="cut").load()
    assert cut["x"].tolist() == filled(length) and cut["x"].dtype == np.int32
    assert cut["x/count"].tolist() == [min(n, length) for n in lengths]
    longest = Padded(source, {"x": None})
    assert longest.padded_to == {"x": max(1, *lengths)}
    assert longest.read(np.arange(len(rows)))["x"].tolist() == filled(max(1, *lengths))
    if max(lengths) > length:
        with pytest.raises(Mistake, match=f"has {max(lengths)} elements, more than the {length}"):
            Padded(source, {"x": length}).load()


def test_padding_what_cannot_be_padded_is_named():
    texts = ArraySource("texts", {"t": as_objects([b"one", b"two"]), "y": np.arange(2)})
    with pytest.raises(Mistake, match="texts has no column x; it has t, y"):
        Padded(texts, {"x": 3}).digest()
    with pytest.raises(Mistake, match="column 't' is text"):
        Padded(texts, {"t": 3}, longer="cut").load()
    with pytest.raises(Mistake, match=r"column 'y' has examples of shape \(\)"):
        Padded(texts, {"y": 3}).load()
    with pytest.raises(ValueError, match="at least 1, not 0"):
        Padded(texts, {"t": 0})


def test_a_portion_of_two_billion_examples_is_found_at_once():
    class Huge:
        name = "huge"

        def __len__(self):
            return 2**31 - 1

        def read(self, index):
            return {"y": index}

    part = Portion(Huge(), 0.9, None, seed=0)
    rows = part.read(np.array([0, 1, len(part) - 1]))["y"]
    assert len(set(rows.tolist())) == 3 and rows.min() >= 0 and rows.max() < 2**31 - 1
    assert json.dumps(portions.split(Huge()).train._bounds)
