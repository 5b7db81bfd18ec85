"""The ledger: whatever happens to the file, what is read is true, and it can go on from there."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from research.engine import ledger
from research.engine.digests import record_leaves, shortened

CONTENTS = (
    ("header", {"experiment": "a/b", "config": {"rate": 1e-05, "size": 8}, "seed": 0}),
    ("save", {"step": 0, "metrics": {}, "reports": {}}),
    (
        "save",
        {"step": 20, "metrics": {"train/loss": 0.1, "n": None}, "reports": {"10": {"n": 2.0}}},
    ),
    ("segment", {"code": {"é.py": "c" * 8}}),
    ("save", {"step": 40, "metrics": {"train/loss": 5e-324}, "reports": {}}),
    ("result", {"metrics": {"loss": "nan"}, "digest": "d" * 8}),
)


def fill(path, contents=CONTENTS):
    chain = ledger.FIRST
    for kind, content in contents:
        chain = ledger.append(path, kind, content, chain)
    return path


@pytest.fixture
def path(tmp_path):
    return fill(tmp_path / "ledger.jsonl")


def test_what_is_read_is_what_was_written(path):
    opened = ledger.read(path)
    assert [(line.kind, line.content) for line in opened.lines] == list(CONTENTS)
    assert (opened.broken, opened.cut_short) == ("", False)
    assert opened.valid_bytes == path.stat().st_size
    assert list(opened.saves()) == [0, 20, 40]
    assert opened.result() == CONTENTS[-1][1]
    assert opened.reports() == {
        10: {"n": 2.0},
        20: {"train/loss": 0.1, "n": None},
        40: {"train/loss": 5e-324},
    }


def test_the_digest_of_each_line_covers_that_of_the_line_before(path):
    previous = ledger.FIRST
    for text in path.read_text().splitlines():
        line = json.loads(text)
        digest = line.pop("sha256")
        whole = json.dumps({**line, "previous": previous}, sort_keys=True, separators=(",", ":"))
        assert digest == hashlib.sha256(whole.encode()).hexdigest()
        previous = digest


def test_a_ledger_whose_lines_spell_the_digest_before_is_read_and_goes_on(path):
    compact, previous = path.read_text(), ledger.FIRST
    lines = []
    for text in compact.splitlines():
        lines.append(spell_old({**json.loads(text), "previous": previous}))
        previous = json.loads(text)["sha256"]
    path.write_text("".join(lines))
    opened = ledger.read(path)
    assert not opened.broken and opened.lines[-1].digest == previous
    assert [(line.kind, line.content) for line in opened.lines] == list(CONTENTS)
    ledger.append(path, "save", {"step": 60}, previous)
    assert not ledger.read(path).broken
    path.write_text("".join([lines[0], *lines[2:]]))
    assert ledger.read(path).broken.startswith("line 2 is not what was written there")


def spell_old(line):
    return json.dumps(line, sort_keys=True, separators=(",", ":")) + "\n"


def test_no_file_is_an_empty_ledger(tmp_path):
    opened = ledger.read(tmp_path / "none")
    assert opened.lines == () and not opened.broken and opened.result() is None
    assert opened.saves() == {} and opened.reports() == {}


FREELY = settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@FREELY
@given(st.data())
def test_any_changed_byte_of_any_line_ends_the_chain_there(path, data):
    good = path.read_bytes()
    position = data.draw(st.integers(0, len(good) - 1))
    value = data.draw(st.integers(0, 255).filter(lambda v: v != good[position]))
    changed = bytearray(good)
    changed[position] = value
    target = path.with_name("flipped")
    target.write_bytes(changed)
    opened = ledger.read(target)
    assert len(opened.lines) == good[:position].count(b"\n")
    assert opened.broken.startswith(f"line {len(opened.lines) + 1} ")
    assert opened.lines == ledger.read(path).lines[: len(opened.lines)]


@FREELY
@given(st.data())
def test_a_ledger_cut_anywhere_keeps_its_whole_lines(path, data):
    good = path.read_bytes()
    length = data.draw(st.integers(0, len(good)))
    target = path.with_name("cut")
    target.write_bytes(good[:length])
    opened = ledger.read(target)
    assert len(opened.lines) == good[:length].count(b"\n")
    between = length > 0 and not good[:length].endswith(b"\n")
    assert opened.cut_short == between == bool(opened.broken)


@pytest.mark.parametrize("number", range(len(CONTENTS)))
def test_a_line_removed_doubled_or_swapped_ends_the_chain(path, number):
    lines = path.read_bytes().splitlines(keepends=True)
    for change in ("removed", "doubled", "swapped"):
        changed = list(lines)
        if change == "removed":
            del changed[number]
        elif change == "doubled":
            changed.insert(number, changed[number])
        else:
            changed[number - 1], changed[number] = changed[number], changed[number - 1]
        path.write_bytes(b"".join(changed))
        opened = ledger.read(path)
        if change == "removed" and number == len(lines) - 1:
            assert not opened.broken, "a shorter ledger is a ledger"
            continue
        first = {"removed": number, "doubled": number + 1, "swapped": max(0, number - 1)}[change]
        assert len(opened.lines) == (0 if change == "swapped" and number == 0 else first)
        assert "not what was written there after the line before it" in opened.broken


def test_an_infinite_number_is_a_broken_line_and_no_crash(path):
    path.write_bytes(path.read_bytes().replace(b"1e-05", b"1e905"))
    assert ledger.read(path).broken == "line 1 is not a ledger line"


def test_a_number_that_is_none_cannot_be_written(path):
    before = path.read_bytes()
    with pytest.raises(ValueError, match="JSON compliant"):
        ledger.append(path, "save", {"loss": float("nan")}, ledger.FIRST)
    assert path.read_bytes() == before


@pytest.mark.parametrize("written", [0, 7])
def test_a_line_that_cannot_be_written_leaves_the_file_as_it_was(path, monkeypatch, written):
    before = path.read_bytes()
    chain = ledger.read(path).lines[-1].digest
    real = ledger.os.fsync

    def refuse(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(ledger.os, "fsync", refuse)
    with pytest.raises(OSError, match="No space left"):
        ledger.append(path, "save", {"step": 60}, chain)
    assert path.read_bytes() == before
    monkeypatch.setattr(ledger.os, "fsync", real)
    ledger.append(path, "save", {"step": 60, "metrics": {}, "reports": {}}, chain)
    assert list(ledger.read(path).saves()) == [0, 20, 40, 60]


def test_a_line_is_durable_before_append_returns(tmp_path, monkeypatch):
    order = []
    real = ledger.os.fsync
    path = tmp_path / "ledger.jsonl"
    monkeypatch.setattr(
        ledger.os, "fsync", lambda fd: (order.append(path.read_bytes()[-1:]), real(fd))
    )
    directories = []
    monkeypatch.setattr(ledger, "sync_directory", directories.append)
    chain = ledger.append(path, *CONTENTS[0], ledger.FIRST)
    ledger.append(path, *CONTENTS[1], chain)
    assert order == [b"\n", b"\n"] and directories == [tmp_path]


def test_keeping_the_whole_part_loses_nothing(path):
    good = path.read_bytes()
    assert ledger.keep_whole_part(ledger.read(path)) is None
    assert path.read_bytes() == good
    lines = good.splitlines(keepends=True)

    for number in range(2):
        broken = good.replace(b'"step":20', b'"step":21')
        path.write_bytes(broken)
        aside = ledger.keep_whole_part(ledger.read(path))
        assert aside == path.with_name(f"ledger.jsonl.broken-{number}")
        assert aside.read_bytes() == broken
        assert path.read_bytes() == b"".join(lines[:2])

    path.with_name("ledger.jsonl.broken-0").unlink()
    path.write_bytes(broken)
    assert ledger.keep_whole_part(ledger.read(path)).name == "ledger.jsonl.broken-0"
    assert path.with_name("ledger.jsonl.broken-1").read_bytes() == broken


def test_a_tail_that_a_crash_cut_short_is_just_cut_off(path):
    good = path.read_bytes()
    path.write_bytes(good + b'{"kind":"sa')
    assert ledger.keep_whole_part(ledger.read(path)) is None
    assert path.read_bytes() == good
    ledger.append(path, "save", {"step": 9}, ledger.read(path).lines[-1].digest)
    assert not ledger.read(path).broken


def test_what_a_save_tells_of_leaves_survives(tmp_path):
    leaves = {
        "seed": np.uint32(3),
        "state/a": np.full((2, 3), 2, np.float32),
        "state/b": np.zeros((0,)),
        "state/c": np.bool_([1, 0]),
    }
    records = record_leaves(leaves)
    path = fill(
        tmp_path / "ledger.jsonl",
        [
            ("leaves", ledger.table_of(records)),
            ("save", ledger.spell_save(0, leaves, records, members=False)),
            ("save", ledger.spell_save(7, leaves, records, members=False)),
        ],
    )
    for save in ledger.read(path).saves().values():
        assert ledger.read_leaves(save) == shortened(records)
        assert ledger.is_of(save, records)
        sketched = ledger.read_sketches(save)
        assert sketched["state/a"][0] == np.float32(np.sqrt(24)) and "seed" not in sketched
        # As a ledger has it whose lines name every leaf.
        old = {**save, "leaves": {n: [r.sha256, r.dtype, r.shape] for n, r in records.items()}}
        assert ledger.read_leaves(old) == shortened(records) and ledger.is_of(old, records)
    for name in leaves:
        other = record_leaves({**leaves, name: np.ones((5,), np.float32)})
        assert not ledger.is_of(save, other), name
