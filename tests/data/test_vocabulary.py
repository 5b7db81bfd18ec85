"""Characters as numbers and back; texts as they are read."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from research.data import texts
from research.data.texts import read_text
from research.data.vocabulary import Vocabulary, vocabulary_of
from research.errors import Mistake

TEXT = st.text(st.characters(exclude_categories=("Cs",)), min_size=1)


@given(TEXT)
def test_a_text_comes_back(text):
    vocabulary = vocabulary_of(text)
    numbers = vocabulary.encode(text)
    assert vocabulary.decode(numbers) == text
    assert numbers.dtype == np.uint16 and set(numbers.tolist()) == set(range(len(vocabulary)))


@given(TEXT)
def test_lower_case_is_what_python_makes_of_it(text):
    vocabulary = vocabulary_of(text, lower=True)
    assert vocabulary.decode(vocabulary.encode(text)) == text.lower()


def test_order_is_that_of_the_symbols_and_part_of_the_digest():
    assert Vocabulary("ba").encode("abba").tolist() == [1, 0, 0, 1]
    digests = {Vocabulary(*given).digest() for given in (("ab",), ("ba",), ("ab", True))}
    assert len(digests) == 3
    assert Vocabulary("ab").digest() == vocabulary_of("bab").digest()


def test_an_unseen_character_is_told():
    with pytest.raises(Mistake, match=r"the prompt has characters .* 'x', 'é'\. It knows 'a' 'b'"):
        vocabulary_of("ab").encode("axéb", "the prompt")
    with pytest.raises(Mistake, match=r"never seen: '\\udcff'"):
        vocabulary_of("ab").encode("a\udcff", "the prompt")


def test_the_embedded_text_needs_no_network():
    text = read_text("encore_python_reference")
    assert 300_000 < len(text) < 800_000 and 'The "assert" statement' in text


def test_bytes_that_are_no_text_are_told(monkeypatch):
    class Broken:
        def __init__(self, *given):
            pass

        def load(self):
            return {"text": np.array([b"abc", b"\xffd"], object)}

    monkeypatch.setattr(texts, "TfdsSplit", Broken)
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
