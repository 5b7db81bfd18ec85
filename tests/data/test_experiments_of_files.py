"""Experiments that read files: the bits of those that do not, and what damage does to them."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest

from research.cli.main import main
from research.data.columns import digest
from research.data.file_sets.skipped import files_in
from research.data.file_sets.written import Written
from research.errors import Mistake
from research.options.catalog import catalog, load
from research.options.config import make_experiment

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("plain_commands", "folders")]


DIGITS_AS_CSV = "d333a0a47204a97ed88423bf69c983b75f27a7cdd5130e38253fa55d8ac9b054"
"""Of all files that `digits_csv` writes: no time, path or version of a library is in them."""


def run(runs: Path, capsys, name: str, *more: str) -> dict:
    """The result of a smoke run, or {"exit": code, "err": text} of one that was refused."""
    words = ["run", name, "--smoke", "--runs-dir", str(runs), "--no-report", "--json", *more]
    code = main(words)
    said = capsys.readouterr()
    return json.loads(said.out.splitlines()[-1]) if not code else {"exit": code, "err": said.err}


def test_digits_from_csv_files_give_the_bits_of_digits_and_a_broken_row_none(tmp_path, capsys):
    from_files = run(tmp_path, capsys, "data/digits_csv")
    assert from_files["digest"] == run(tmp_path, capsys, "vision/digits_cnn")["digest"]
    assert "train/left_out" not in from_files["metrics"]

    files = sorted((tmp_path / "cache" / "written" / "digits_csv").glob("*/part-*"))
    content = b"".join(path.read_bytes() for path in files)
    assert hashlib.sha256(content).hexdigest() == DIGITS_AS_CSV

    (row, *_) = (tmp_path / "cache" / "written" / "digits_csv").glob("train-*/part-00002*")
    lines = row.read_text().splitlines(keepends=True)
    lines[7] = lines[7].rpartition(",")[0] + ",12\n"  # No digit is 12.
    row.write_text("".join(lines))
    stopped = run(tmp_path, capsys, "data/digits_csv", "--restart")
    assert stopped["exit"] and row.name in stopped["err"]
    skipped = run(tmp_path, capsys, "data/digits_csv", "--damaged", "skip")
    assert skipped["metrics"]["train/left_out"] == 1
    assert skipped["digest"] != from_files["digest"]
    assert skipped["config_digest"] != from_files["config_digest"]


PREPARED = os.environ.get("TFDS_DATA_DIR")
"""Where data sets are prepared on this machine; `folders` hides it."""
NAMES = sorted(
    entry.name for entry in catalog() if "research.data.file_sets.written" in entry.path.read_text()
)


@pytest.mark.parametrize("name", NAMES)
def test_files_hold_what_was_prepared(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (entry,) = (entry for entry in catalog() if entry.name == name)
    if PREPARED:
        monkeypatch.setenv("TFDS_DATA_DIR", PREPARED)
    try:
        experiment = make_experiment(load(entry).config.smoke())
    except Mistake as missing:
        pytest.skip(str(missing))
    assert experiment.data is not None
    written = [*files_in([*experiment.data.splits.values()])]
    assert len(written) == 3
    for each in written:
        if isinstance(each, Written):  # flowers are files of a folder
            assert each.digest() == digest(each.source.load())
