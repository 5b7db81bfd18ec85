"""Features of numbers and categories: scikit-learn's values, the same on host and device."""

from __future__ import annotations

import json

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import (
    KBinsDiscretizer,
    MultiLabelBinarizer,
    OneHotEncoder,
    StandardScaler,
)
from sklearn.utils import murmurhash3_32

from research.data.columns import as_objects, pad
from research.data.features.buckets import Buckets, find_buckets, fit_quantiles
from research.data.features.categories import (
    Lookup,
    cross,
    fit_lookup,
    look_up,
    looked_up,
    multi_hot,
    one_hot,
)
from research.data.features.hashing import hash_bytes, hash_numbers, hash_texts
from research.data.features.numbers import (
    Normalization,
    fill_missing,
    fit_filling,
    fit_normalization,
    mark_missing,
    normalize,
)
from research.data.features.statistics import read_columns
from research.data.features.texts import (
    Rarity,
    count_words,
    find_words,
    fit_rarity,
    tokenized,
    weigh_words,
)
from research.data.sources.arrays import ArraySource
from research.data.sources.mapped import Mapped
from research.data.text import commonest, cut
from research.data.tfds_split import TfdsSplit
from research.errors import Mistake

few = settings(max_examples=15)
floats = st.floats(-1e6, 1e6, width=32)
tables = arrays.arrays(np.float32, st.tuples(st.integers(2, 30), st.just(3)), elements=floats)
whole = st.integers(-(2**31), 2**31 - 1)


def drawn(rows: int = 500) -> np.ndarray:
    """Numbers of unlike sizes, some of the second column missing."""
    draw = np.random.default_rng(0)
    table = (draw.lognormal(size=(rows, 3)) * [1, 100, 1e4]).astype(np.float32)
    table[draw.random(rows) < 0.1, 1] = np.nan
    return table


def same_on_device(apply, statistics, values) -> np.ndarray:
    """What it gives on the host, which the device, traced, gives bit for bit."""
    host = apply(statistics, values)
    device = jax.jit(lambda values: apply(statistics, values))(values)
    assert host.dtype == device.dtype and np.array_equal(host, device, equal_nan=True)
    return host


def test_normalisation_is_scikit_learns_with_missing_numbers():
    table = drawn()
    found, theirs = fit_normalization(table), StandardScaler().fit(table.astype(np.float64))
    np.testing.assert_allclose(found.mean, theirs.mean_, rtol=1e-13)
    np.testing.assert_allclose(found.deviation, theirs.scale_, rtol=1e-13)
    made = jax.jit(lambda values: normalize(found, values))(table)
    np.testing.assert_allclose(made, theirs.transform(table), atol=1e-5)
    assert np.isnan(made[:, 1]).any()
    pictures = np.arange(24, dtype=np.float32).reshape(2, 2, 2, 3)
    assert len(fit_normalization(pictures).mean) == 3


@few
@given(tables, st.randoms(use_true_random=False), st.integers(1, 40))
def test_statistics_have_the_same_bits_in_any_order_and_in_chunks_of_any_size(table, random, chunk):
    order = random.sample(range(len(table)), len(table))
    found = fit_normalization(table)
    assert fit_normalization(table[order]).digest() == found.digest()
    assert fit_filling(table[order], "mean") == fit_filling(table, "mean")
    assert fit_quantiles(table[order, 0], 4) == fit_quantiles(table[:, 0], 4)
    read = read_columns(ArraySource("table", {"x": table, "y": table}), ["x"], chunk)
    assert read.keys() == {"x"} and np.array_equal(read["x"], table)


def test_a_plain_mean_depends_on_the_order():
    """The control: what the exact sum is for."""
    column = drawn()[:, [2]]
    orders = [np.random.default_rng(seed).permutation(len(column)) for seed in range(20)]
    assert len({float(column[order].mean()) for order in orders}) > 1
    assert len({fit_normalization(column[order]) for order in orders}) == 1


def test_a_constant_feature_becomes_zero_and_a_mean_of_large_numbers_keeps_its_digits():
    constant = fit_normalization(np.full((3, 1), 0.1))
    assert constant == Normalization((0.1,), (1.0,))
    large = 1e9 + np.arange(5.0)[:, None]
    assert fit_normalization(large) == Normalization((1e9 + 2,), (2**0.5,))


@pytest.mark.parametrize("center", ["median", "mean"])
def test_filling_and_marks_are_scikit_learns(center):
    table = drawn()
    found, theirs = fit_filling(table, center), SimpleImputer(strategy=center, add_indicator=True)
    expected = theirs.fit_transform(table.astype(np.float64))
    filled = same_on_device(fill_missing, found, table)
    marks = same_on_device(mark_missing, found, table)
    np.testing.assert_allclose(filled, expected[:, :3], rtol=1e-6)
    assert np.array_equal(marks, expected[:, 3:]) and marks.shape == (500, 1)


def test_columns_that_say_nothing_are_refused():
    with pytest.raises(ValueError, match="feature 1 is missing in all 2 training examples"):
        fit_filling(np.array([[1, np.nan], [2, np.nan]]))
    with pytest.raises(ValueError, match="feature 0 is infinite"):
        fit_normalization(np.array([[np.inf]]))
    with pytest.raises(ValueError, match="no example to fit"):
        read_columns(ArraySource("none", {"x": np.zeros(0)}), ["x"])
    with pytest.raises(ValueError, match="edges must rise"):
        Buckets((1.0, 1.0))
    with pytest.raises(ValueError, match="edges must be float32"):
        Buckets((0.1,))


def test_quantile_buckets_are_scikit_learns():
    column = np.round(drawn()[:, 0], 1)  # With ties.
    found = fit_quantiles(column, 8)
    theirs = KBinsDiscretizer(
        8, encode="ordinal", strategy="quantile", subsample=None, quantile_method="linear"
    ).fit(column[:, None])
    np.testing.assert_allclose(found.edges, theirs.bin_edges_[0][1:-1], rtol=1e-6)
    # Theirs has edges of the column's own dtype only by chance: compare with ours in theirs.
    theirs.bin_edges_[0][1:-1] = found.edges
    places = same_on_device(find_buckets, found, column)
    assert np.array_equal(places, theirs.transform(column[:, None])[:, 0])
    assert len(found) == places.max() + 1
    assert find_buckets(Buckets((1.0,)), np.float32([0.5, 1, 2])).tolist() == [0, 1, 1]


hash_on_device = jax.jit(lambda column, seed: hash_numbers([column], 1000, seed), static_argnums=1)
hash_bytes_on_device = jax.jit(lambda *given: hash_bytes(*given, 97, 3))


@few
@given(st.lists(whole, min_size=5, max_size=5), st.sampled_from([0, 1, 2**31 - 1]))
def test_hashes_are_scikit_learns_on_host_and_device(numbers, seed):
    column = np.array(numbers, np.int32)
    theirs = murmurhash3_32(column, seed=seed, positive=True) % np.uint32(1000)
    assert np.array_equal(hash_numbers([column], 1000, seed), theirs)
    assert np.array_equal(hash_on_device(column, seed), theirs)
    together = murmurhash3_32(column[[0, -1]].tobytes(), seed=seed, positive=True) % 1000
    assert hash_numbers([column[:1], column[-1:]], 1000, seed)[0] == together


@few
@given(st.lists(st.binary(max_size=11), min_size=6, max_size=6))
def test_texts_have_scikit_learns_hashes_also_as_padded_bytes_on_the_device(texts):
    theirs = [murmurhash3_32(text, seed=3, positive=True) % 97 for text in texts]
    assert hash_texts(as_objects(texts), 97, 3).tolist() == theirs
    rows = pad([np.frombuffer(text, np.uint8) for text in texts], 12, np.uint8)
    counts = np.array([*map(len, texts)], np.int32)
    rows[np.arange(12) >= counts[:, None]] = 7  # What follows the end counts nothing.
    assert hash_bytes_on_device(rows, counts).tolist() == theirs


@few
@given(st.lists(whole, max_size=20, unique=True), st.lists(whole, max_size=20))
def test_every_category_is_found_and_no_other(known, others):
    found = Lookup(tuple(known), unknown=0)
    expected = [known.index(value) if value in known else -1 for value in (*known, *others)]
    assert look_up(found, np.array([*known, *others], np.int32)).tolist() == expected


def test_a_vocabulary_has_buckets_for_others_and_one_hot_vectors_are_scikit_learns():
    draw = np.random.default_rng(1)
    column, others = draw.integers(-5, 5, 200), np.array([99, -(2**31), 7])
    found = fit_lookup(column, unknown=0)
    given_values = np.r_[column, others].astype(np.int32)
    places = same_on_device(look_up, found, given_values)
    theirs = OneHotEncoder(handle_unknown="ignore", sparse_output=False).fit(column[:, None])
    expected = theirs.transform(given_values[:, None])[:, np.argsort(np.argsort(found.values))]
    assert np.array_equal(one_hot(places, len(found)), expected)
    assert places[-3:].tolist() == [-1] * 3
    counts = [int(np.sum(column == value)) for value in found.values]
    assert counts == sorted(counts, reverse=True)

    cut_off = fit_lookup(column, most=4, unknown=3)
    made = same_on_device(look_up, cut_off, given_values)
    known = np.isin(given_values, cut_off.values)
    assert len(cut_off) == 7 and made[known].max() == 3
    assert np.array_equal(made[~known] - 4, hash_numbers([given_values[~known]], 3))


def test_texts_are_looked_up_by_the_hosts_workers_and_the_vocabulary_is_in_the_digest():
    column = as_objects([b"INLAND", b"NEAR BAY", b"INLAND", b"\xff", b"ISLAND"])
    found = fit_lookup(column[:4], unknown=2)
    assert found.values == ("INLAND", "NEAR BAY", "\udcff")
    source = ArraySource("places", {"where": column, "n": np.arange(5)})
    made = looked_up(source, "where", found)
    bucket = 3 + murmurhash3_32(b"ISLAND", positive=True) % 2
    assert made.load()["where"].tolist() == [0, 1, 0, 2, bucket]
    another = looked_up(source, "where", Lookup((*found.values, "OCEAN"), 1))
    assert made.digest() != another.digest()
    assert Lookup.restore(json.loads(json.dumps(found.keep()))) == found
    with pytest.raises(ValueError, match="does not fit int32"):
        fit_lookup(np.array([2**40]))
    with pytest.raises(ValueError, match="whole numbers or texts"):
        fit_lookup(np.array([0.5]))


@pytest.mark.usefixtures("plainly_compiled")
def test_multi_hot_vectors_and_crosses_are_scikit_learns_and_numpys():
    draw = np.random.default_rng(2)
    rows = draw.integers(-1, 6, (20, 4))
    binarizer = MultiLabelBinarizer(classes=range(5))
    expected = binarizer.fit_transform([[x for x in row if 0 <= x < 5] for row in rows.tolist()])
    assert np.array_equal(jax.jit(multi_hot, static_argnums=1)(rows, 5), expected)
    places = draw.integers(0, [[3], [4], [5]], (3, 20))
    made = same_on_device(lambda _, x: cross([*x], (3, 4, 5)), None, places.astype(np.int32))
    assert np.array_equal(made, np.ravel_multi_index(tuple(places), (3, 4, 5)))
    with pytest.raises(ValueError, match="hash them"):
        cross([*places], (2**11,) * 3)


TEXTS = ["It was a bad, bad film.", "A good film: it's good!", "Nothing", "bad good worse"]


@pytest.mark.usefixtures("plainly_compiled")
def test_bags_and_rarities_are_scikit_learns():
    training = [cut(text, "words") for text in TEXTS[:3]]
    vocabulary = commonest(training, "words", 6)
    source = ArraySource("films", {"text": as_objects([text.encode() for text in TEXTS])})
    tokens = tokenized(source, "text", vocabulary, 8).load()["text"]
    assert isinstance(tokenized(source, "text", vocabulary, 8), Mapped)
    counted = CountVectorizer(
        vocabulary=[*vocabulary.symbols], tokenizer=lambda text: cut(text, "words"),
        token_pattern=None,
    )  # fmt: skip
    expected = counted.fit_transform(TEXTS).toarray()
    assert np.array_equal(jax.jit(count_words, static_argnums=1)(tokens, 10), expected)
    assert np.array_equal(jax.jit(find_words, static_argnums=1)(tokens, 10), expected > 0)

    weighted = TfidfVectorizer(
        vocabulary=[*vocabulary.symbols], tokenizer=lambda text: cut(text, "words"),
        token_pattern=None,
    )  # fmt: skip
    weighted.fit(TEXTS[:3])
    rarity = fit_rarity(training, vocabulary)
    made = jax.jit(lambda tokens: weigh_words(rarity, tokens))(tokens)
    np.testing.assert_allclose(made, weighted.transform(TEXTS).toarray(), atol=1e-6)
    assert Rarity.restore(json.loads(json.dumps(rarity.keep()))) == rarity
    assert rarity.digest() != fit_rarity(training[:2], vocabulary).digest()


@pytest.mark.slow
def test_the_rarities_of_imdbs_words_are_scikit_learns():
    source = TfdsSplit("imdb_reviews/plain_text", "train", ("text",))
    try:
        column = source.load()["text"]
    except Mistake:
        pytest.skip("imdb_reviews is not prepared in TFDS_DATA_DIR")
    texts = [text.decode() for text in column]
    training = [cut(text, "words") for text in texts]
    vocabulary = commonest(training, "words", 20_000)
    rarity = fit_rarity(training, vocabulary)
    theirs = TfidfVectorizer(
        vocabulary=[*vocabulary.symbols], tokenizer=lambda text: cut(text, "words"),
        token_pattern=None,
    )  # fmt: skip
    theirs.fit(texts)
    some = np.arange(0, 25_000, 250)
    tokens = tokenized(source, "text", vocabulary, 3000).read(some)["text"]
    made = jax.jit(lambda tokens: weigh_words(rarity, tokens))(tokens)
    expected = theirs.transform([texts[place] for place in some]).toarray()
    np.testing.assert_allclose(made, expected, atol=1e-6)
    assert (expected > 0).sum() > 10_000
