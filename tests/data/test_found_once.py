"""Words and a table's statistics are found in one pass, and not again: the same without a cache."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from research.data.columns import as_objects
from research.data.features.texts import fit_words
from research.data.sources.arrays import ArraySource
from research.data.text import cut
from research.errors import Mistake
from research.tabular.own_table import fit_table

TEXTS = [b"The cat sat.", b"the mat, the cat", b"\xff odd", b"a dog"]


@dataclasses.dataclass(frozen=True, eq=False)
class Counted(ArraySource):
    """Counts its reads."""

    reads: list[int] = dataclasses.field(default_factory=list)

    def read(self, index):
        self.reads.append(len(index))
        return super().read(index)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("ENCORE_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


def of_texts(texts=TEXTS) -> Counted:
    return Counted("texts", {"text": as_objects(texts)})


def of_rows(**more: object) -> Counted:
    rows = {"age": np.array([1.0, np.nan, 4.0]), "place": as_objects([b"bay", b"", b"bay"])}
    return Counted("rows", {**rows, "price": np.array([1.5, 2.5, 0.1]), **more})


def spoil(cache) -> None:
    (file,) = cache.glob("found/*/numbers.bin")
    content = bytearray(file.read_bytes())
    content[3] ^= 1
    file.write_bytes(content)


def test_words_are_counted_once(cache):
    first = fit_words(of_texts(), "text", 3)
    assert first.symbols == ("the", "cat", "a")
    again = of_texts()
    assert fit_words(again, "text", 3) == first and not again.reads
    spoil(cache)  # Damage is noticed, and they are counted again.
    assert fit_words(again, "text", 3) == first and again.reads
    # The controls: of other texts, of fewer words, and of other parts they are others.
    assert fit_words(of_texts(TEXTS[3:]), "text", 3).symbols == ("a", "dog")
    assert fit_words(of_texts(), "text", 2).symbols == ("the", "cat")
    assert fit_words(of_texts(), "text", 2, lambda text: cut(text, "words")[:1]).symbols[0] == "the"
    assert fit_words(of_texts(), "text", 9, lambda text: ["x"]).symbols == ("x",)


def test_without_a_cache_that_can_be_written_the_words_are_the_same(cache, caplog):
    expected = fit_words(of_texts(), "text", 9)
    cache.rename(cache.with_name("aside"))
    cache.write_text("a file where the folder should be")
    assert fit_words(of_texts(), "text", 9) == expected
    assert "not kept in" in caplog.text


def test_a_column_that_holds_no_texts_is_refused_and_nothing_is_kept(cache):
    with pytest.raises(Mistake, match="texts has no column 'words'; it has text"):
        fit_words(of_texts(), "words", 3)
    with pytest.raises(Mistake, match="column 'age' holds no texts"):
        fit_words(of_rows(), "age", 3)
    assert not [*cache.glob("found/*/numbers.bin")]


def test_a_tables_statistics_are_found_once_to_the_last_bit(cache):
    first = fit_table(of_rows(), "price", (), None)
    again = of_rows()
    assert fit_table(again, "price", (), None) == first
    assert again.reads == [1]  # a row, to know the columns
    spoil(cache)
    assert fit_table(of_rows(), "price", (), None).digest() == first.digest()
    # The control: one number that is a little larger.
    other = of_rows(price=np.array([1.5, 2.5, 0.1 + 1e-12]))
    assert fit_table(other, "price", (), None).digest() != first.digest()
