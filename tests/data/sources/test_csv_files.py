"""CSV files against Python's csv module, and what people meet in them."""

from __future__ import annotations

import csv
import gzip
import io
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from research.data.columns import Form
from research.data.file_sets.files import Files
from research.data.formats import csv_files
from research.data.formats.csv_files import CSV
from research.data.formats.format import TEXT
from research.errors import Damaged, Mistake

FLOAT = Form(np.dtype(np.float32), ())
INT = Form(np.dtype(np.int64), ())
FIELDS = st.text('ab,;"\n é\t', max_size=6)


def written(folder: Path, text: str | bytes, name: str = "a.csv") -> str:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return str(path)


@settings(max_examples=15)
@given(
    rows=st.lists(st.tuples(FIELDS, FIELDS, st.integers(-9, 99)), min_size=1, max_size=12),
    block=st.integers(1, 60),
    delimiter=st.sampled_from(",;\t|"),
    end=st.sampled_from(["\n", "\r\n"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
def test_what_the_csv_module_writes_is_read(rows, block, delimiter, end, quoting):
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator=end, quoting=quoting)
    writer.writerows([("one", "two", "number"), *rows])
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("ENCORE_CACHE_DIR", f"{folder}/cache")
        patch.setattr(csv_files, "_BLOCK", block)
        forms = {"one": TEXT, "two": TEXT, "number": INT}
        path = written(Path(folder), text.getvalue())
        read = Files(path, CSV(forms, delimiter=delimiter)).load()
    assert [text.decode() for text in read["one"]] == [row[0] for row in rows]
    assert [text.decode() for text in read["two"]] == [row[1] for row in rows]
    assert read["number"].tolist() == [row[2] for row in rows]


def test_types_are_inferred_from_all_rows_of_the_first_file_and_recorded(tmp_path):
    rows = "".join(f"{n},{n},{n}.5,true,x,\n" for n in range(3000))
    text = f"int,late,float,bool,text,none\n{rows}7,,1e3,false,,\n"
    path = written(tmp_path, text)
    source = Files(path, CSV())
    kinds = {name: np.dtype(form.dtype).name for name, form in source.forms.items()}
    assert kinds == {
        "int": "int64",
        "late": "float64",
        "float": "float64",
        "bool": "bool",
        "text": "object",
        "none": "float64",
    }
    read = source.load()
    assert len(source) == 3001 and np.isnan(read["late"][-1]) and np.isnan(read["none"]).all()
    assert read["text"][-1] == b"" and read["float"][-1] == 1000 and read["int"][2999] == 2999
    written(tmp_path, "int,late,float,bool,text,none\n1,2,3,true,NA,4\n", "b.csv")
    both = Files(str(tmp_path / "*.csv"), CSV()).load()
    assert both["late"].dtype == np.float64 and both["text"][-1] == b"NA" and both["none"][-1] == 4


@pytest.mark.parametrize("missing", ["", "NA", "nan", "?"])
def test_a_missing_number_is_nan_and_an_integer_cannot_miss(tmp_path, missing):
    path = written(tmp_path, f'a,b\n1,"x"\n{missing},y\n')
    read = Files(path, CSV({"a": FLOAT})).load()
    assert read.keys() == {"a"} and read["a"].dtype == np.float32 and np.isnan(read["a"][1])
    with pytest.raises(Damaged, match="line 3: column 'a' has no value .* read it as float64"):
        len(Files(path, CSV({"a": INT})))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("4,5,6", "Expected 2 columns, got 3"),
        ("4", "Expected 2 columns, got 1"),
        ("four,x", "column 'a': .*invalid value 'four'"),
        ("9999999999999999999,x", "column 'a': .*invalid value '9999999999999999999'"),
        ("4,\xff", "column 'b': .*UTF8"),
    ],
)
def test_a_broken_row_is_named_with_its_line_and_can_be_left_out(tmp_path, row, message):
    text = 'a,b\n1,"two\nlines"\n2,x\n' + row + "\n3,y\n"
    path = written(tmp_path, text.encode("latin-1"))
    given = CSV({"a": INT, "b": TEXT})
    with pytest.raises(Damaged, match=rf"{path}: line 5: {message}") as error:
        len(Files(path, given))
    assert "damaged='skip'" in str(error.value)
    source = Files(path, given, "skip")
    assert source.load()["a"].tolist() == [1, 2, 3] and source.left_out == 1
    assert source.read(np.array([2, 0]))["a"].tolist() == [3, 1]
    assert source.digest() != Files(written(tmp_path, "a,b\n", "c.csv"), given, "skip").name


def test_encodings(tmp_path):
    text = "name,n\nMüller,1\n"
    given = {"name": TEXT, "n": INT}
    for encoding in ("utf-8-sig", "latin-1", "utf-16", "utf-16-be", "cp1252"):
        path = written(tmp_path, text.encode(encoding), f"{encoding}.csv")
        name = "utf-8" if encoding == "utf-8-sig" else encoding
        source = Files(path, CSV(given, encoding=name))
        assert source.load()["name"].tolist() == ["Müller".encode()], encoding
    with pytest.raises(Damaged, match="latin-1.csv: line 2: column 'name': .*UTF8"):
        len(Files(str(tmp_path / "latin-1.csv"), CSV(given)))
    with pytest.raises(Mistake, match=r"utf-16.csv is text in utf-16: name it \(encoding="):
        len(Files(str(tmp_path / "utf-16.csv"), CSV(given)))
    broken = written(tmp_path, text.encode("utf-16")[:-1], "cut.csv")
    with pytest.raises(Damaged, match="cut.csv is not text in utf-16"):
        len(Files(broken, CSV(given, encoding="utf-16")))
    with pytest.raises(ValueError, match="no encoding 'utf-99'"):
        CSV(encoding="utf-99")


def test_compressed_shards_and_columns_in_another_order(tmp_path):
    written(tmp_path, gzip.compress(b"a,b\n1,x\n"), "1.csv.gz")
    written(tmp_path, "b,a\r\ny,2\r\n\r\nz,3", "2.csv")
    read = Files(str(tmp_path / "*.csv*"), CSV()).load()
    assert read["a"].tolist() == [1, 2, 3] and read["b"].tolist() == [b"x", b"y", b"z"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,c\n1,2\n", "the file as a whole: it has no column b; it has a, c"),
        ("a,b,c\n1,2,3\n", "it has a column more than other files: c"),
        ("", "byte 0: the file is empty"),
        ("a,a\n1,2\n", "two of its columns are called 'a'"),
        ("a,b\r1,2\r", "its lines end with CR alone"),
        ('a,b\n1,"2\n3,4\n', "line 2: a quote is opened in this row, and never closed"),
    ],
)
def test_a_shard_that_does_not_fit_is_named(tmp_path, text, message):
    written(tmp_path, "a,b\n1,2\n", "1.csv")
    path = written(tmp_path, text, "2.csv")
    with pytest.raises(Damaged) as error:
        len(Files(str(tmp_path / "*.csv"), CSV()))
    assert path in str(error.value) and message in str(error.value)
    source = Files(str(tmp_path / "*.csv"), CSV(), "skip")
    assert len(source) == 1 and source.left_out == 1


def test_quotes_within_a_field_and_files_without_names_or_quotes(tmp_path):
    path = written(tmp_path, 'a,b\n5" pipe,1\n"6"" pipe",2\n7,3\n')
    assert Files(path, CSV()).load()["a"].tolist() == [b'5" pipe', b'6" pipe', b"7"]
    path = written(tmp_path, '1\t"\n2\tx\n', "b.tsv")
    read = Files(path, CSV(names=("n", "t"), delimiter="\t", quote="")).load()
    assert read["n"].tolist() == [1, 2] and read["t"].tolist() == [b'"', b"x"]


@pytest.mark.parametrize(
    "wrong", [{"delimiter": ";;"}, {"delimiter": ""}, {"quote": ","}, {"delimiter": "\n"}]
)
def test_signs_that_cannot_be_are_refused(wrong):
    with pytest.raises(ValueError, match="delimiter|quote"):
        CSV(**wrong)


@settings(max_examples=30)
@given(st.lists(st.text('a",\n\r', max_size=14), min_size=1, max_size=30), st.booleans())
def test_rows_end_where_the_pattern_of_fields_has_it(texts, last):
    pattern = csv_files._row_pattern(",", '"')
    for block in (text.encode() for text in texts):
        ends, opened = CSV()._ends(block, last)
        wanted, open_too = csv_files._ends_by_pattern(pattern, block, last)
        assert (ends.tolist(), opened) == (wanted.tolist(), open_too)
