"""Texts as numbers and back: words, characters, bags, and what is unknown."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import CountVectorizer

from research.data import text as text_module
from research.data.text import (
    END,
    PADDING,
    SIGNS,
    UNKNOWN,
    WORD,
    Alphabet,
    Vocabulary,
    alphabet_of,
    commonest,
    cut,
    read_text,
)
from research.errors import Mistake
from research.sequence.classification.reviews import ngrams

WORDS = Vocabulary(("me", "gusta", "el"), "words")
SENTENCE = st.text(st.sampled_from("aAbcé 1'’._-\n¿")) | st.text(
    st.characters(exclude_categories=("Cs",)), max_size=40
)
TEXT = st.lists(st.sampled_from(["a", "b", "c", "d", "strange"]), max_size=12)


def by_description(described, text, length):
    """The tokens of a text as a program in another language makes them of the description alone."""
    facts = json.loads(json.dumps(described))
    text = text.lower() if facts["lower"] else text
    parts = regex.findall(facts["pattern"], text) if facts["pattern"] else [*text]
    place = {symbol: token for token, symbol in enumerate(facts["symbols"]) if token > 3}
    tokens = [place.get(part, facts["unknown"]) for part in parts][:length]
    return tokens + [facts["padding"]] * (length - len(tokens))


# What Unicode has not yet given to anything, a later version may call a letter.
ASSIGNED = st.text(st.sampled_from("aAbcé 1'’._-\n¿")) | st.text(
    st.characters(exclude_categories=("Cs", "Cn", "Co")), max_size=40
)


@given(ASSIGNED, st.booleans())
def test_a_description_is_enough_to_read_a_text(text, words):
    unit = "words" if words else "characters"
    vocabulary = Vocabulary(("me", "gusta", "a", "1", "b'a") if words else ("a", "b", "1"), unit)
    rows = vocabulary.rows([cut(text, unit)], 12)
    assert by_description(vocabulary.describe(), text, 12) == rows[0].tolist()


def test_a_description_is_enough_to_spell_tokens():
    described = WORDS.describe()
    spelled = described["joint"].join(described["symbols"][token] for token in (4, 5, 3))
    assert spelled == WORDS.decode([4, 5, 3, described["end"], 4]) == "me gusta [unknown]"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("¿Qué pasó, María?", ["qué", "pasó", "maría"]),
        ("¡Don't stop 'til 10:30!", ["don't", "stop", "til", "10", "30"]),
        ("snake_case well-known", ["snake", "case", "well", "known"]),
        (" ¡¿...?! ", []),
    ],
)
def test_words_are_lower_case_and_without_punctuation(text, words):
    assert cut(text, "words") == words


def by_hand(text):
    """One character after another: a word goes on over an apostrophe that has one behind it."""
    text = text.lower()
    found, word = [], ""

    def inside(place):
        return place < len(text) and text[place] != "_" and bool(re.fullmatch(r"\w", text[place]))

    for place, letter in enumerate(text):
        if inside(place) or (letter in "'’" and inside(place + 1) and word and inside(place - 1)):
            word += letter
        elif word:
            found.append(word)
            word = ""
    return found + [word] * bool(word)


@given(SENTENCE)
def test_words_are_those_of_a_hand_written_reader(text):
    assert cut(text, "words") == by_hand(text)


@given(SENTENCE)
def test_words_are_those_of_scikit_learn_with_the_same_pattern(text):
    analyse = CountVectorizer(token_pattern=WORD.pattern).build_analyzer()
    assert cut(text, "words") == analyse(text)


@given(st.lists(TEXT, max_size=6), st.integers(0, 6))
def test_the_commonest_words_are_known_whatever_the_order_of_the_texts(texts, most):
    vocabulary = commonest(texts, "words", most)
    assert vocabulary == commonest([text[::-1] for text in texts[::-1]], "words", most)
    flat = [word for text in texts for word in text]
    ranked = sorted(set(flat), key=lambda word: (-flat.count(word), word))
    assert vocabulary.symbols == tuple(ranked[:most])
    assert commonest(texts, "words").symbols == tuple(ranked)


def test_a_text_comes_back_up_to_its_end():
    (numbers,) = WORDS.rows([cut("Me gusta el fútbol", "words")], 4)
    assert numbers.tolist() == [4, 5, 6, UNKNOWN]
    assert WORDS.decode([*numbers, END, 4, PADDING]) == "me gusta el [unknown]"
    assert WORDS.unknown("fútbol, el fútbol, sí") == ["fútbol", "sí"]
    letters = commonest(["2019-04"], "characters")
    assert letters.decode(letters.rows([cut("4102-9", "characters")], 8)[0]) == "4102-9"
    assert WORDS.decode(WORDS.rows([[]], 3)[0]) == ""


def test_a_row_that_is_cut_has_no_end():
    texts = [cut(text, "words") for text in ("me", "me gusta el", "", "me gusta el me")]
    rows = WORDS.rows(texts, 4, end=True)
    assert rows.tolist() == [[4, 2, 0, 0], [4, 5, 6, 2], [2, 0, 0, 0], [4, 5, 6, 4]]
    assert WORDS.rows([["me"]], 2).tolist() == [[4, 0]]


@given(st.lists(TEXT, max_size=5), st.integers(1, 6), st.sampled_from(["first", "last"]))
def test_rows_are_cut_or_padded_at_their_ends(texts, length, kept):
    rows = Vocabulary(("b", "a"), "words").rows(texts, length, kept)
    assert rows.shape == (len(texts), length) and rows.dtype == np.uint16
    numbers = {"b": 4, "a": 5}
    for row, text in zip(rows, texts, strict=True):
        part = text[:length] if kept == "first" else text[max(0, len(text) - length) :]
        expected = [numbers.get(word, UNKNOWN) for word in part]
        assert row.tolist() == expected + [PADDING] * (length - len(part))


@given(st.lists(TEXT, min_size=1, max_size=5))
def test_a_bag_holds_what_scikit_learn_counts(texts):
    vocabulary = Vocabulary(("a", "b a", "c", "d"), "words")
    bags = vocabulary.bags([ngrams(text, 2) for text in texts])
    counter = CountVectorizer(
        token_pattern=WORD.pattern,
        ngram_range=(1, 2),
        binary=True,
        vocabulary=list(vocabulary.symbols),
    )
    expected = counter.transform([" ".join(text) for text in texts]).toarray()
    found = np.zeros((len(texts), len(vocabulary)), int)
    for row, bag in zip(found, bags, strict=True):
        np.add.at(row, bag, 1)
    np.testing.assert_array_equal(found[:, len(SIGNS) :], expected)
    assert not found[:, UNKNOWN].any()


def test_nothing_known_makes_an_empty_bag():
    assert Vocabulary(("a",), "words").bags([["b"], []]).tolist() == [[PADDING], [PADDING]]


@pytest.mark.parametrize(("words", "dtype"), [(2**16 - 4, np.uint16), (2**16 - 3, np.int32)])
def test_numbers_fit_their_dtype(words, dtype):
    vocabulary = Vocabulary(tuple(map(str, range(words))), "words")
    rows = vocabulary.rows([[str(words - 1)]], 1)
    assert rows.dtype == dtype and rows[0, 0] == len(vocabulary) - 1


def test_the_digest_is_that_of_the_symbols_in_order():
    digests = {
        Vocabulary(symbols, unit).digest()
        for symbols, unit in [
            (("a", "b"), "words"), (("b", "a"), "words"), (("a",), "words"), (("ab",), "words"),
            (("a", "b"), "characters"),
        ]
    }  # fmt: skip
    assert len(digests) == 5


def test_a_symbol_may_hold_what_parts_symbols_in_the_digest():
    whole, parts = (Vocabulary(symbols, "words").digest() for symbols in (("a\0b",), ("a", "b")))
    assert whole != parts


CHARACTERS = st.text(st.characters(exclude_categories=("Cs",)), min_size=1)


@given(CHARACTERS)
def test_a_text_comes_back(text):
    vocabulary = alphabet_of(text)
    numbers = vocabulary.encode(text)
    assert vocabulary.decode(numbers) == text
    assert numbers.dtype == np.uint16 and set(numbers.tolist()) == set(range(len(vocabulary)))


@given(CHARACTERS)
def test_lower_case_is_what_python_makes_of_it(text):
    vocabulary = alphabet_of(text, lower=True)
    assert vocabulary.decode(vocabulary.encode(text)) == text.lower()


def test_order_is_that_of_the_symbols_and_part_of_the_digest():
    assert Alphabet("ba").encode("abba").tolist() == [1, 0, 0, 1]
    digests = {Alphabet(*each).digest() for each in (("ab",), ("ba",), ("ab", True))}
    assert len(digests) == 3
    assert Alphabet("ab").digest() == alphabet_of("bab").digest()


def test_an_unseen_character_is_told():
    with pytest.raises(Mistake, match=r"the prompt has characters .* 'x', 'é'\. It knows 'a' 'b'"):
        alphabet_of("ab").encode("axéb", "the prompt")
    with pytest.raises(Mistake, match=r"never seen: '\\udcff'"):
        alphabet_of("ab").encode("a\udcff", "the prompt")


def test_the_embedded_text_needs_no_network():
    text = read_text("encore_python_reference")
    assert 300_000 < len(text) < 800_000 and 'The "assert" statement' in text


def test_bytes_that_are_no_text_are_told(monkeypatch):
    class Broken:
        def __init__(self, *given):
            pass

        def load(self):
            return {"text": np.array([b"abc", b"\xffd"], object)}

    monkeypatch.setattr(text_module, "TfdsSplit", Broken)
    with pytest.raises(Mistake, match="some_text train is not UTF-8: byte 0xff at 3"):
        read_text("some_text")


def test_a_file_of_ones_own_is_read_byte_for_byte(tmp_path):
    path = tmp_path / "own.txt"
    path.write_bytes("Ein Käfer\r\n".encode())
    assert read_text(str(path)) == "Ein Käfer\r\n"
    path.write_bytes(b"\xef\xbb\xbfab")
    assert read_text(str(path)) == "ab"


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_a_file_that_is_no_text_is_told(mark, tmp_path):
    path = tmp_path / "latin.txt"
    path.write_bytes(mark + "Käfer".encode("latin-1"))
    with pytest.raises(Mistake, match=f"latin.txt is not UTF-8: byte 0xe4 at {1 + len(mark)}"):
        read_text(str(path))
    with pytest.raises(Mistake, match=r"none\.txt cannot be read: No such file"):
        read_text(str(tmp_path / "none.txt"))
