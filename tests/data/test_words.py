"""Words of texts, their numbers, and what is unknown."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import CountVectorizer

from research.data.words import (
    PADDING,
    PATTERN,
    UNKNOWN,
    WordVocabulary,
    commonest,
    ngrams,
    split_words,
)

SENTENCE = st.text(st.sampled_from("aAbcé 1'._-\n<br />")) | st.text(
    st.characters(exclude_categories=("Cs",)), max_size=40
)
TEXT = st.lists(st.sampled_from(["a", "b", "c", "d", "strange"]), max_size=12)


def oracle(text):
    """One character after another: a word goes on over an apostrophe that has one behind it."""
    text = text.replace("<br />", " ").lower()
    found, word = [], ""
    for place, letter in enumerate(text):
        inside = bool(re.fullmatch(r"\w", letter))
        ahead = place + 1 < len(text) and bool(re.fullmatch(r"\w", text[place + 1]))
        if inside or (letter == "'" and word and ahead and word[-1] != "'"):
            word += letter
        elif word:
            found.append(word)
            word = ""
    return found + [word] * bool(word)


@given(SENTENCE)
def test_words_are_those_of_a_hand_written_reader(text):
    assert split_words(text) == oracle(text)


@given(SENTENCE)
def test_words_are_those_of_scikit_learn_with_the_same_pattern(text):
    analyse = CountVectorizer(token_pattern=PATTERN).build_analyzer()
    assert split_words(text) == analyse(text.replace("<br />", " "))


@given(TEXT, st.integers(1, 4))
def test_stretches_are_those_of_scikit_learn(words, longest):
    analyse = CountVectorizer(token_pattern=PATTERN, ngram_range=(1, longest)).build_analyzer()
    assert ngrams(words, longest) == analyse(" ".join(words))


def test_a_line_break_parts_words_and_an_apostrophe_does_not():
    text = "It's GOOD<br /><br />'Don't' miss it: 7/10!"
    assert split_words(text) == ["it's", "good", "don't", "miss", "it", "7", "10"]


@given(st.lists(TEXT, max_size=6), st.integers(0, 6))
def test_the_commonest_words_are_known_whatever_the_order_of_the_texts(texts, size):
    vocabulary = commonest(texts, size)
    assert vocabulary == commonest([text[::-1] for text in texts[::-1]], size)
    flat = [word for text in texts for word in text]
    ranked = sorted(set(flat), key=lambda word: (-flat.count(word), word))
    assert vocabulary.words == tuple(ranked[:size])


@given(st.lists(TEXT, max_size=5), st.integers(1, 6), st.sampled_from(["first", "last"]))
def test_rows_are_cut_or_padded_at_their_ends(texts, length, kept):
    vocabulary = WordVocabulary(("b", "a"))
    rows = vocabulary.encode(texts, length, kept)
    assert rows.shape == (len(texts), length) and rows.dtype == np.uint16
    numbers = {"b": 2, "a": 3}
    for row, text in zip(rows, texts, strict=True):
        part = text[:length] if kept == "first" else text[max(0, len(text) - length) :]
        expected = [numbers.get(word, UNKNOWN) for word in part]
        assert row.tolist() == expected + [PADDING] * (length - len(part))


def test_an_empty_text_is_padding_and_words_come_back():
    vocabulary = WordVocabulary(("good", "film"))
    rows = vocabulary.encode([[], ["good", "old", "film"]], 4)
    assert rows[0].tolist() == [PADDING] * 4
    assert vocabulary.decode(rows[0]) == "" and vocabulary.decode(rows[1]) == "good [unknown] film"
    assert len(vocabulary) == 4


@given(st.lists(TEXT, min_size=1, max_size=5))
def test_a_bag_holds_what_scikit_learn_counts(texts):
    vocabulary = WordVocabulary(("a", "b a", "c", "d"))
    bags = vocabulary.bags([ngrams(text, 2) for text in texts])
    counter = CountVectorizer(
        token_pattern=PATTERN, ngram_range=(1, 2), binary=True, vocabulary=list(vocabulary.words)
    )
    expected = counter.transform([" ".join(text) for text in texts]).toarray()
    found = np.zeros((len(texts), len(vocabulary)), int)
    for row, bag in zip(found, bags, strict=True):
        np.add.at(row, bag, 1)
    np.testing.assert_array_equal(found[:, 2:], expected)
    assert not found[:, UNKNOWN].any()


def test_nothing_known_makes_an_empty_bag():
    assert WordVocabulary(("a",)).bags([["b"], []]).tolist() == [[PADDING], [PADDING]]


@pytest.mark.parametrize(("words", "dtype"), [(2**16 - 2, np.uint16), (2**16 - 1, np.int32)])
def test_numbers_fit_their_dtype(words, dtype):
    vocabulary = WordVocabulary(tuple(map(str, range(words))))
    rows = vocabulary.encode([[str(words - 1)]], 1)
    assert rows.dtype == dtype and rows[0, 0] == len(vocabulary) - 1


def test_the_digest_is_that_of_the_words_in_order():
    digests = {WordVocabulary(words).digest() for words in (("a", "b"), ("b", "a"), ("a",))}
    assert len(digests) == 3
