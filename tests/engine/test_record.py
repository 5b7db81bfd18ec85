"""`metrics.jsonl` is what the ledger says, and whole files are whole."""

from __future__ import annotations

import json

import numpy as np
import pytest

from research.engine import durable
from research.engine.record import (
    append_metrics,
    read_metrics,
    restore_metrics,
    spell_figures,
)

FIGURES = {10: {"train/loss": 0.1}, 20: {"train/loss": 1 / 3, "validation/loss": None}}


@pytest.fixture
def path(tmp_path):
    for step, figures in FIGURES.items():
        append_metrics(tmp_path / "metrics.jsonl", step, figures)
    return tmp_path / "metrics.jsonl"


def test_lines_are_read_as_written_to_the_last_bit(path):
    assert read_metrics(path) == FIGURES
    assert [json.loads(line)["step"] for line in path.read_text().splitlines()] == [10, 20]


def test_figures_that_json_lacks_are_words_and_numpy_s_are_plain():
    figures = {
        "nan": float("nan"),
        "inf": np.float32("inf"),
        "minus": -np.inf,
        "single": np.float32(0.5),
        "int": np.int64(3),
        "none": None,
    }
    spelled = spell_figures(figures)
    assert spelled == {
        "nan": "nan", "inf": "inf", "minus": "-inf", "single": 0.5, "int": 3.0, "none": None,
    }  # fmt: skip
    assert json.loads(json.dumps(spelled, allow_nan=False)) == spelled


def test_a_file_as_it_should_be_is_left_alone(path):
    before = path.read_bytes(), path.stat().st_ino
    assert restore_metrics(path, FIGURES) is False
    assert (path.read_bytes(), path.stat().st_ino) == before


@pytest.mark.parametrize("more", ["", '{"step": 30}\n', '{"step": 30}\n{"st', "\udcff"])
def test_lines_past_the_ledger_are_dropped_without_a_word(path, more):
    whole = path.read_bytes()
    path.write_bytes(whole + more.encode(errors="surrogateescape"))
    assert restore_metrics(path, FIGURES) is False
    assert path.read_bytes() == whole


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b'{"step": 10, "train/loss": 0.1}\n',
        b'{"step": 10, "train/loss": 0.2}\n',
        b"\xff\xfe\x00",
        b"not json\n",
        None,
    ],
)
def test_lines_that_were_lost_or_changed_come_back_from_the_ledger(path, content):
    whole = path.read_bytes()
    path.unlink() if content is None else path.write_bytes(content)
    assert restore_metrics(path, FIGURES) is True
    assert path.read_bytes() == whole


def test_a_file_that_cannot_be_written_leaves_the_old_one(path, monkeypatch):
    before = path.read_bytes()

    def refuse(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(durable.os, "fsync", refuse)
    with pytest.raises(OSError, match="No space left"):
        durable.write_file(path, "other")
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == ["metrics.jsonl"]


def test_lines_that_cannot_be_read_are_left_out(path):
    with path.open("ab") as file:
        file.write(b"\xff\n[1]\n3\n{}\n")
    append_metrics(path, 30, {"a": 1.0})
    assert list(read_metrics(path)) == [10, 20, 30]
    assert read_metrics(path.with_name("none")) == {}
