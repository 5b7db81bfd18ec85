"""Texts as numbers and back."""

from __future__ import annotations

import pytest

from research.sequence.tokens import (
    END,
    PADDING,
    SIGNS,
    UNKNOWN,
    Tokens,
    cut,
    encode_rows,
    tokens_of,
)

WORDS = Tokens(("me", "gusta", "el"), "words")


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


def test_the_most_frequent_words_of_training_are_kept():
    texts = ["b a c", "b a", "B d"]
    assert tokens_of(texts, "words").symbols == ("b", "a", "c", "d")
    assert (
        tokens_of(texts, "words", 6).symbols == ("b", "a")
        and len(tokens_of(texts, "words", 6)) == 6
    )
    with pytest.raises(ValueError, match="no room"):
        tokens_of(texts, "words", len(SIGNS))


def test_a_text_comes_back_up_to_its_end():
    numbers = WORDS.encode("Me gusta el fútbol")
    assert numbers == [4, 5, 6, UNKNOWN]
    assert WORDS.decode([*numbers, END, 4, PADDING]) == "me gusta el [unknown]"
    assert WORDS.unknown("fútbol, el fútbol, sí") == ["fútbol", "sí"]
    letters = tokens_of(["2019-04"], "characters")
    assert letters.decode(letters.encode("4102-9")) == "4102-9"


def test_rows_are_padded_or_cut_and_a_cut_one_has_no_end():
    rows = encode_rows(WORDS, ["me", "me gusta el", "", "me gusta el me"], 4, end=True)
    assert rows.tolist() == [[4, 2, 0, 0], [4, 5, 6, 2], [2, 0, 0, 0], [4, 5, 6, 4]]
    assert encode_rows(WORDS, ["me"], 2, end=False).tolist() == [[4, 0]]
