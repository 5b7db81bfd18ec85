"""Sources made of others against plain Python lists: rows, lengths, digests, messages."""

from __future__ import annotations

import dataclasses
import itertools
import json
import pickle

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from research.data import columns as column_functions
from research.data.columns import as_objects
from research.data.feed import open_feed
from research.data.order import shuffled_rows
from research.data.reading import Reader
from research.data.sources import kept, portions
from research.data.sources.arrays import ArraySource
from research.data.sources.chained import Chained
from research.data.sources.filtered import Filtered
from research.data.sources.joined import Joined
from research.data.sources.mapped import Mapped
from research.data.sources.mixed import Mixed
from research.data.sources.padded import Padded
from research.data.sources.portions import Portion, split
from research.data.sources.repeated import Repeated
from research.engine.experiment import Data
from research.errors import Mistake
from tests.data import stream_functions as functions

pytestmark = pytest.mark.usefixtures("plainly_compiled")


def numbers(count: int, start: int = 0, name: str = "numbers", column: str = "y") -> ArraySource:
    return ArraySource(name, {column: np.arange(start, start + count)})


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


def plain_mix(mixed: Mixed, batch: int, steps: int, seed: int = 0) -> np.ndarray:
    rows = jax.jit(jax.vmap(mixed.rows(batch), (None, 0)))
    key = jax.random.key(seed)
    return np.asarray(rows(key, np.arange(steps, dtype=np.int32)).position)


@pytest.mark.slow
@settings(max_examples=20)
@given(
    st.lists(st.tuples(st.integers(1, 40), st.integers(1, 6)), min_size=1, max_size=4), st.data()
)
def test_any_mix_keeps_its_shares_and_reads_each_source_in_passes(some, data):
    check_mix(*zip(*some, strict=True), data.draw(st.integers(1, 7)))


@pytest.mark.parametrize(
    ("counts", "weights", "batch"),
    [((7,), (3,), 3), ((23, 5, 1), (1, 2, 4), 4), ((12, 9, 30, 4), (6, 1, 1, 5), 7)],
)
def test_mixes_keep_their_shares_and_read_each_source_in_passes(counts, weights, batch):
    check_mix(counts, weights, batch)


def check_mix(counts, weights, batch):
    mixed = Mixed(tuple(numbers(c, 0) for c in counts), tuple(weights))
    steps = mixed.steps(batch)
    epochs = plain_mix(mixed, batch, 2 * steps).reshape(2, -1)
    begins = np.cumsum([0, *counts[:-1]])
    for epoch in epochs:
        which = np.searchsorted(begins, epoch, "right") - 1
        had = np.cumsum(which[:, None] == np.arange(len(counts)), axis=0)
        due = np.arange(1, len(epoch) + 1)[:, None] * np.array(weights) / sum(weights)
        bound = 1 - 1 / (2 * len(counts) - 2) if len(counts) > 1 else 0
        assert np.abs(had - due).max() <= bound + 1e-9
        for source, count in enumerate(counts):
            read = (epoch[which == source] - begins[source]).tolist()
            whole = len(read) // count
            assert whole >= 1
            for begin in range(0, whole * count, count):
                assert sorted(read[begin : begin + count]) == [*range(count)]
            assert len(set(read[whole * count :])) == len(read) - whole * count
    # No shorter epoch would have all: without its last row some example is lacking.
    first = epochs[0][: mixed.epoch]
    assert len(set(first)) == len(mixed) and len(set(first[:-1])) < len(mixed)


def test_a_mix_is_the_same_from_any_step_and_another_in_each_epoch_and_for_each_seed():
    mixed = Mixed((numbers(30), numbers(7, 100)), (0.7, 0.3))
    assert mixed.parts == (7, 3) and mixed.epoch == 43 and mixed.steps(5) == 9
    whole = plain_mix(mixed, 5, 27)
    rows = jax.jit(mixed.rows(5))
    for step in (0, 8, 9, 20):
        found = rows(jax.random.key(0), np.int32(step))
        assert np.array_equal(found.position, whole[step]) and np.all(found.weight == 1)
    epochs = whole.reshape(3, -1)
    assert not np.array_equal(epochs[0], epochs[1]) and not np.array_equal(epochs[1], epochs[2])
    assert not np.array_equal(plain_mix(mixed, 5, 27, seed=1), whole)
    # Far along, where a count of all rows would no longer fit.
    far = np.asarray(rows(jax.random.key(0), np.int32(2**31 - 1)).position)
    assert far.min() >= 0 and far.max() < 37


def test_a_mix_that_is_drawn_would_be_noticed():
    """The control: the bound on shares, for turns that are drawn by their weights."""
    drawn = np.random.default_rng(0).choice(2, 400, p=[0.7, 0.3])
    had = np.cumsum(drawn == 0)
    assert np.abs(had - 0.7 * np.arange(1, 401)).max() > 2


def test_odd_weights_are_as_near_as_4096_parts_come():
    weights = (np.pi, 1e-9, 2.0)
    parts = Mixed((numbers(1),) * 3, weights).parts
    assert sum(parts) <= 4096 and min(parts) >= 1
    shares = np.array(weights) / sum(weights)
    assert np.abs(np.array(parts) / sum(parts) - shares).max() < 2 / 4096
    assert Mixed((numbers(1),) * 3, (0.1, 0.2, 0.7)).parts == (1, 2, 7)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ((1,), "2 sources and 1 weights"),
        ((1, -2), "positive numbers"),
        ((1, 0), "leave out a source"),
        ((1, float("nan")), "positive numbers"),
    ],
)
def test_weights_that_are_none_are_refused(weights, message):
    with pytest.raises(ValueError, match=message):
        Mixed((numbers(3), numbers(3)), weights)


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


EXAMPLES = 300


def everything() -> Mapped:
    """One in another: filtered, joined, mixed, repeated, and mapped by a function that draws."""
    draw = np.random.default_rng(0)
    columns = {"x": draw.normal(size=(EXAMPLES, 6)), "y": np.arange(EXAMPLES)}
    some = Filtered(ArraySource("numbers", columns), functions.is_kept, "most")
    length = len(some)
    with_more = Joined((some, ArraySource("more", {"z": np.arange(length)})))
    parts = split(with_more, 0.2, 0.2)
    chained = Mixed((parts.train, parts.test), (3, 1))
    return Mapped(Repeated(chained, 7), functions.shift_at_random, "shifted", seed=5)


def batches(source, workers, kind="threads", start=3, stop=40):
    mixed = source.source.source
    rows = mixed.rows(16, passes=7)
    content = Data({"train": source, "test": source}, rows, evaluation_batch_size=100)
    placement = "resident" if workers is None else "streamed"
    with open_feed(content, placement, workers=workers or 0, worker_kind=kind) as feed:
        batch_of = jax.jit(feed.batch)
        return [
            {name: np.asarray(each).tobytes() for name, each in batch.items()}
            for window in feed.windows(0, start, stop)
            for batch in (
                batch_of(window.arrays, np.uint32(0), np.int32(step))
                for step in range(window.start, window.stop)
            )
        ]


@pytest.fixture(scope="module")
def expected(tmp_path_factory, plainly_compiled):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ENCORE_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        return batches(everything(), None)


@pytest.mark.parametrize("workers", [0, 1, 4])
def test_any_number_of_threads_reads_what_lies_on_the_device(expected, workers):
    assert batches(everything(), workers) == expected


def test_a_resumed_epoch_draws_what_it_would_have_drawn(expected):
    assert batches(everything(), 2, start=21) == expected[18:]


@pytest.mark.slow
def test_processes_draw_the_same(expected):
    for workers in (1, 4):
        assert batches(everything(), workers, "processes") == expected


def test_a_process_draws_the_same(expected):
    assert batches(everything(), 1, "processes", stop=20) == expected[:17]


def test_what_depends_on_when_it_is_read_would_be_noticed(expected):
    state = np.random.default_rng(0)

    def careless(columns, keys):
        return {**columns, "drawn": state.normal(size=len(keys)).astype(np.float32)}

    assert batches(dataclasses.replace(everything(), function=careless), 4) != expected


def test_another_pass_draws_otherwise_and_every_example_has_its_own_key():
    def drawn(columns, keys):
        return {**columns, "key": keys[:, 0]}

    source = Mapped(Repeated(numbers(50), 4), drawn, "drawn", seed=0)
    found = source.load()
    assert len(set(found["key"].tolist())) == 200 and found["y"].tolist() == [*range(50)] * 4
    rows = np.array([7, 57, 7, 107])
    again = source.read(rows)["key"].tolist()
    assert again == found["key"][rows].tolist() and again[0] == again[2] != again[1]
    assert not {*Mapped(Repeated(numbers(50), 4), drawn, "drawn", seed=1).load()["key"]} & {
        *found["key"]
    }
    assert source.digest() != dataclasses.replace(source, seed=1).digest()
    # Without passes an example is drawn once, whenever it is read.
    once = Mapped(numbers(50), drawn, "drawn", seed=0)
    assert once.load()["key"].tolist() == found["key"][:50].tolist()


def test_keys_are_uniform():
    from scipy import stats

    from research.data.sources.drawing import keys_of

    keys = np.concatenate([keys_of(seed, np.arange(8_000)) for seed in range(2)])
    for word in keys.T:
        for shift in (0, 24, 56):
            counts = np.bincount((word >> np.uint64(shift) & np.uint64(255)).astype(int))
            assert stats.chisquare(counts).pvalue > 1e-4
    bits = np.unpackbits(keys[:8_000].view(np.uint8), axis=1).astype(float)
    links = np.corrcoef(bits.T) - np.eye(128)
    assert np.abs(links).max() < 6 / np.sqrt(8_000)


@pytest.mark.parametrize(
    ("count", "batch", "passes", "last"), [(13, 4, 1, "pad"), (13, 4, 3, "drop"), (30, 7, 2, "pad")]
)
def test_rows_of_a_repeated_source_are_the_same_order_in_another_pass(count, batch, passes, last):
    plain, repeated = (
        jax.jit(jax.vmap(shuffled_rows(count, batch, last, p), (None, 0)))(
            jax.random.key(3), np.arange(3 * count // batch + 3)
        )
        for p in (1, passes)
    )
    steps = count // batch if last == "drop" else -(-count // batch)
    epoch = np.arange(len(plain.position)) // steps
    added = (epoch % passes)[:, None] * count
    assert np.array_equal(repeated.position, np.asarray(plain.position) + added)
    assert np.array_equal(repeated.weight, plain.weight)


def test_more_passes_than_rows_can_be_numbered_are_refused():
    with pytest.raises(ValueError, match="it must be 1 to 2 of 1000000000 examples"):
        shuffled_rows(10**9, 8, passes=3)
    with pytest.raises(ValueError, match="too many rows"):
        Mixed((numbers(1000), numbers(3)), (1, 1)).rows(8, passes=10**7)


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
