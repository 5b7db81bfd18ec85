"""What writing files promises when it fails."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from research.engine import durable, ledger, record


def _refuse(descriptor: int) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize(
    "write",
    [
        lambda path: durable.write_file(path, "new"),
        lambda path: ledger.append(path, "save", {"step": 1}, ledger.FIRST),
        durable.sync_file,
    ],
    ids=["write_file", "append", "sync_file"],
)
def test_a_refusal_names_the_file_where_the_system_does_not(write, monkeypatch, tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    monkeypatch.setattr(durable.os, "fsync", _refuse)
    with pytest.raises(OSError, match="No space left") as told:
        write(path)
    assert told.value.errno == errno.ENOSPC and told.value.filename == str(path)
    assert path.read_text() == "old"


def test_a_file_that_the_system_named_keeps_its_name(tmp_path):
    with pytest.raises(FileNotFoundError) as told, durable.named(tmp_path / "outer"):
        (tmp_path / "inner").read_bytes()
    assert told.value.filename == str(tmp_path / "inner")


def test_metrics_on_a_full_device_name_their_file():
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("there is no /dev/full here")
    with pytest.raises(OSError, match="No space left") as told:
        record.append_metrics(full, 1, {"loss": 0.0})
    assert told.value.filename == str(full)
