"""TFRecord files against the package `tfrecord`, which reads them with protocol buffers."""

from __future__ import annotations

import gzip
import struct
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from research.data.columns import Form, digest
from research.data.file_sets.files import Files
from research.data.formats import examples, layouts, tfrecord
from research.data.formats.content import encode_columns
from research.data.formats.format import TEXT, Unreadable
from research.data.formats.spans import join_spans
from research.data.formats.tfrecord import TFRecord, write_record
from research.errors import Damaged, Mistake
from tests.data.sources.written import WAYS, fitting
from tests.data.sources.written import examples as some_examples

INT = Form(np.dtype(np.int64), ())
INTS = st.lists(st.one_of(st.integers(-(2**63), 2**63 - 1), st.integers(-3, 300)), max_size=5)
FLOATS = st.lists(st.floats(width=32, allow_nan=False), max_size=5)
TEXTS = st.lists(st.binary(max_size=9), max_size=3)
FEATURES = st.dictionaries(st.text("abc é", max_size=3), st.one_of(INTS, FLOATS, TEXTS), max_size=4)


@pytest.fixture(scope="module")
def protocol():
    package = pytest.importorskip("tfrecord", reason="requirements-oracles.txt is not installed")
    return package.example_pb2


def to_protocol(protocol, values):
    feature = protocol.Feature()
    kinds = {int: "int64_list", float: "float_list", bytes: "bytes_list"}
    if values:
        getattr(feature, kinds[type(values[0])]).value.extend(values)
    return feature


def values_of(record, feature):
    runs = examples.texts(record, feature)
    if feature.kind == "float":
        return np.frombuffer(b"".join(runs), "<f4").tolist()
    return examples.integers(b"".join(runs))[0].tolist() if feature.kind == "int64" else runs


def protocol_values(feature):
    kind = feature.WhichOneof("kind")
    return list(getattr(feature, kind).value) if kind else []


@settings(max_examples=30)
@given(features=FEATURES)
def test_examples_are_read_and_written_as_tfrecord_does(protocol, features):
    message = protocol.Example()
    for name, values in features.items():
        message.features.feature[name].CopyFrom(to_protocol(protocol, values))
    record = message.SerializeToString()
    parsed = examples.parse_example(record)
    assert {name: values_of(record, each) for name, each in parsed.items()} == features

    arrays = {
        name: values if values and isinstance(values[0], bytes)
        else np.array(values, np.float32 if values and isinstance(values[0], float) else np.int64)
        for name, values in features.items()
    }  # fmt: skip
    back = protocol.Example.FromString(examples.encode_example(arrays))
    read = {name: protocol_values(each) for name, each in back.features.feature.items()}
    assert read == features


@settings(max_examples=30)
@given(features=FEATURES, data=st.data())
def test_a_hurt_example_is_refused_or_read_as_tfrecord_does(protocol, features, data):
    from google.protobuf.message import DecodeError

    message = protocol.Example()
    for name, values in features.items():
        message.features.feature[name].CopyFrom(to_protocol(protocol, values))
    record = bytearray(message.SerializeToString() or b"\n")
    for _ in range(data.draw(st.integers(1, 3))):
        record[data.draw(st.integers(0, len(record) - 1))] = data.draw(st.integers(0, 255))
    try:
        parsed = examples.parse_example(bytes(record))
        read = {name: values_of(bytes(record), each) for name, each in parsed.items()}
    except Unreadable:
        return
    try:
        by_protocol = protocol.Example.FromString(bytes(record)).features.feature
    except DecodeError:
        return  # It looks into fields that are not read here.
    wanted = {name: protocol_values(each) for name, each in by_protocol.items()}
    # As texts, since NaN is not itself.
    assert sorted(map(str, read.items())) == sorted(map(str, wanted.items()))


def test_sequences_are_read_as_tfrecord_writes_them(protocol, tmp_path):
    from tfrecord.writer import TFRecordWriter

    writer = TFRecordWriter(str(tmp_path / "s"))
    lengths = [3, 0, 1]
    for number, length in enumerate(lengths):
        steps = [[number + step, -step] for step in range(length)]
        context = {"id": (number, "int"), "who": (b"w" * number, "byte")}
        ratios = [[0.5 * step] for step in range(length)]
        writer.write(context, {"pairs": (steps, "int"), "ratio": (ratios, "float")})
    writer.close()
    source = Files(str(tmp_path / "s"), TFRecord(content="sequence"))
    read = source.load()
    assert source.forms["pairs"].shape == (None, 2) and source.forms["ratio"].shape == (None,)
    assert read["id"].tolist() == [0, 1, 2] and read["who"].tolist() == [b"", b"w", b"ww"]
    for number, length in enumerate(lengths):
        assert read["pairs"][number].tolist() == [[number + s, -s] for s in range(length)]
        assert read["ratio"][number].tolist() == [0.5 * s for s in range(length)]
    wrong = TFRecord({"pairs": Form(np.dtype(np.int64), (None, 3))}, "sequence")
    with pytest.raises(Damaged, match="a step of 'pairs' holds 2 values, not 3"):
        len(Files(str(tmp_path / "s"), wrong))


@pytest.mark.parametrize("compressed", [None, "gzip"])
def test_files_are_read_by_tfrecord(protocol, tmp_path, compressed):
    from tfrecord.reader import tfrecord_loader

    columns = some_examples(30)
    path = tmp_path / ("a.gz" if compressed else "a")
    WAYS["tfrecord"].write(columns, path)
    kinds = {"count": "int", "ratio": "float", "text": "byte"}
    for row, read in enumerate(
        tfrecord_loader(str(path), None, kinds, compression_type=compressed)
    ):
        assert read["count"] == columns["count"][row] and read["text"] == columns["text"][row]
        assert np.array_equal(read["ratio"][0], columns["ratio"][row], equal_nan=True)
    assert row == 29 and Files(str(path), WAYS["tfrecord"].format).digest() == digest(columns)


def test_numbers_that_are_not_packed_are_read():
    def message(field, content):
        return bytes([field << 3 | 2, len(content)]) + content

    floats = b"".join(b"\x0d" + struct.pack("<f", each) for each in (0.5, -2.0))
    integers = b"\x08\x05\x08\xac\x02" + message(1, b"\x07")  # and some that are
    features = message(1, message(1, b"f") + message(2, message(2, floats)))
    features += message(1, message(1, b"i") + message(2, message(3, integers)))
    forms = {"f": Form(np.dtype(np.float32), (2,)), "i": Form(np.dtype(np.int64), (3,))}
    read = layouts.decode_examples([message(1, features)] * 9, forms)
    assert read["f"].tolist() == [[0.5, -2.0]] * 9 and read["i"].tolist() == [[5, 300, 7]] * 9


@settings(max_examples=20)
@given(st.integers(1, 40), st.integers(0, 99), st.integers(1, 20))
def test_records_that_are_laid_out_alike_are_decoded_as_each_alone(count, seed, worth):
    columns = some_examples(count, seed) | {"small": np.arange(count) % 3}
    records = [*encode_columns(columns)]
    forms = {**WAYS["tfrecord"].format.features, "small": Form(np.dtype(np.uint8), ())}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(layouts, "_WORTH", worth)
        together = layouts.decode_examples(records, forms)
    alone = [layouts.decode_examples([record], forms) for record in records]
    for name, column in together.items():
        each = [one[name][0] for one in alone]
        assert np.array_equal(column, np.array(each, column.dtype), equal_nan=name == "ratio")


@settings(max_examples=20)
@given(st.lists(st.integers(0, 300), min_size=1, max_size=30), st.integers(13, 400))
def test_records_are_found_however_a_file_is_cut_into_blocks(lengths, block):
    records = [bytes([n % 256]) * n for n in lengths]
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(tfrecord, "_BLOCK", block)
        path = Path(folder, "a")
        with path.open("wb") as file:
            for record in records:
                write_record(file, record)
        format = TFRecord(content="bytes")
        positions = np.concatenate([found.positions for found in format.scan(path)])
        assert format.decode(path, positions, {})["record"].tolist() == records


def test_bytes_become_numbers_and_integers_another_dtype(tmp_path):
    draw = np.random.default_rng(0)
    columns = {
        "image": draw.integers(0, 256, (20, 4, 3, 1), np.uint8),
        "label": draw.integers(0, 10, 20).astype(np.int32),
        "exact": draw.normal(size=(20, 2)),
        "large": draw.integers(0, 2**64, 20, np.uint64),
        "ragged": fitting(some_examples(20), WAYS["lines"])["text"],
    }
    columns["ragged"][:] = [np.arange(len(text), dtype=np.int64) for text in columns["ragged"]]
    with (tmp_path / "a").open("wb") as file:
        for record in encode_columns(columns):
            write_record(file, record)
    forms = {name: Form(each.dtype, each.shape[1:]) for name, each in columns.items()}
    forms["ragged"] = Form(np.dtype(np.int64), (None,))
    assert Files(str(tmp_path / "a"), TFRecord(forms)).digest() == digest(columns)


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ({"count": Form(np.dtype(np.int8), ())}, "holds -?[0-9]+, which is no int8"),
        ({"count": Form(np.dtype(np.float32), ())}, "holds integers, not float32"),
        ({"ratio": INT}, "holds floats, not int64"),
        ({"ratio": Form(np.dtype(np.float32), (2,))}, "holds 1 values, not 2"),
        ({"count": TEXT}, "holds integers, not one text"),
    ],
)
def test_a_feature_of_another_form_is_named_with_file_and_place(tmp_path, form, message):
    path = tmp_path / "a"
    WAYS["tfrecord"].write(some_examples(30), path)
    with pytest.raises(Damaged, match=rf"{path}: record at byte [0-9,]+: feature .*{message}"):
        len(Files(str(path), TFRecord(form)))


def test_a_feature_that_no_record_has_is_a_mistake(tmp_path):
    WAYS["tfrecord"].write(some_examples(3), tmp_path / "a")
    with pytest.raises(Mistake, match="no record has a feature txet; there are count, ratio, text"):
        len(Files(str(tmp_path / "a"), TFRecord({"txet": TEXT})))


def test_every_bit_of_a_record_is_checked(tmp_path):
    path = tmp_path / "a"
    WAYS["tfrecord"].write(some_examples(2), path)
    whole = path.read_bytes()
    for bit in range(0, 8 * len(whole), 7):
        hurt = bytearray(whole)
        hurt[bit // 8] ^= 1 << bit % 8
        path.write_bytes(hurt)
        found = [*TFRecord().scan(path)]
        assert sum(len(part.broken) for part in found) == 1


def test_a_broken_record_is_left_out_and_the_rest_of_a_cut_file_too(tmp_path):
    columns = some_examples(6)
    path = tmp_path / "a"
    WAYS["tfrecord"].write(columns, path)
    whole = path.read_bytes()
    (found,) = TFRecord().scan(path)
    start, _ = found.positions[2]
    path.write_bytes(whole[:start] + b"?" + whole[start + 1 : -5])
    with pytest.raises(Damaged) as error:
        len(Files(str(path), WAYS["tfrecord"].format))
    assert f"{path}: record at byte {start - 12:,}: its checksum does not fit" in str(error.value)
    source = Files(str(path), WAYS["tfrecord"].format, "skip")
    kept = {name: column[[0, 1, 3, 4]] for name, column in columns.items()}
    assert digest(source.load()) == digest(kept) != source.digest() and source.left_out == 2
    assert "the file ends after" in source.broken[1][1].what


def test_a_compressed_file_is_recognised_by_what_it_holds(tmp_path):
    columns = some_examples(30)
    WAYS["tfrecord"].write(columns, tmp_path / "a")
    packed = gzip.compress((tmp_path / "a").read_bytes())
    (tmp_path / "b").write_bytes(packed)
    assert Files(str(tmp_path / "b"), WAYS["tfrecord"].format).digest() == digest(columns)
    for number, hurt in enumerate((packed[:-20], packed[:90] + b"?????" + packed[95:])):
        path = tmp_path / f"hurt-{number}"
        path.write_bytes(hurt)
        with pytest.raises(Damaged, match=f"{path} cannot be decompressed"):
            len(Files(str(path), WAYS["tfrecord"].format, "skip"))


@settings(max_examples=30)
@given(st.lists(FEATURES, min_size=1, max_size=3), st.integers(0, 99), st.booleans())
def test_records_parsed_together_are_parsed_as_each_alone(kinds, seed, hurt):
    draw = np.random.default_rng(seed)
    some = [{name: _array(values) for name, values in features.items()} for features in kinds]
    records = [examples.encode_example(some[draw.integers(len(some))]) for _ in range(24)]
    if hurt and records[5]:
        at = draw.integers(len(records[5]))
        records[5] = records[5][:at] + bytes([draw.integers(256)]) + records[5][at + 1 :]
    try:
        alone = [_held(record, examples.parse_example(record)) for record in records]
    except Unreadable:
        with pytest.raises(Unreadable):
            layouts._parse(join_spans(records))
        return
    spans = join_spans(records)
    parsed = layouts._parse(spans)
    together = {row: _held(spans.buffer, found) for row, found in parsed.others.items()}
    for rows, found in parsed.alike:
        for place, row in enumerate(rows):
            together[row] = {
                name: (each.kind, [spans.buffer[each.starts[place] : each.stops[place]]])
                for name, each in found.items()
            }
    assert [together[row] for row in range(24)] == alone


def _array(values):
    if values and isinstance(values[0], bytes):
        return values
    return np.array(values, np.float32 if values and isinstance(values[0], float) else np.int64)


def _held(buffer, features):
    return {name: (each.kind, examples.texts(buffer, each)) for name, each in features.items()}
