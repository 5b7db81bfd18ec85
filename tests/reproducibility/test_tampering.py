"""Each kind of file of a run, tampered with: it is seen, told, and recovered from."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from research.data.feed import open_feed
from research.engine import ledger
from research.engine.program import Program
from research.engine.record import Observer
from research.engine.verify import verify
from tests.reproducibility.conftest import Subject
from tests.reproducibility.launches import FAST, REPRESENTATIVES

subjects = [
    name if name == FAST else pytest.param(name, marks=pytest.mark.slow) for name in REPRESENTATIVES
]
tampered = pytest.mark.parametrize("subject", subjects, indirect=True, scope="module")
"""What is in the files is the engine's, whatever the experiment: one will do, but when slow."""


def flip(path: Path, position: int | None = None) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2 if position is None else position] ^= 0x10
    path.write_bytes(bytes(data))


def newest(run: Path) -> Path:
    return max((run / "checkpoints").iterdir(), key=lambda path: int(path.name))


def largest_file(run: Path) -> Path:
    files = [path for path in newest(run).rglob("*") if path.is_file()]
    return max(files, key=lambda path: path.stat().st_size)


def flip_ledger_middle(run: Path) -> None:
    flip(run / "ledger.jsonl")


def change_figure(path: Path) -> None:
    """The first digit of the last figure: another last one can spell the same float."""
    text = path.read_text()
    *_, figure = re.finditer(r"\d*\.\d*[1-9]\d*", text)
    at = figure.start() + next(i for i, digit in enumerate(figure[0]) if digit in "123456789")
    path.write_text(text[:at] + ("1" if text[at] != "1" else "2") + text[at + 1 :])


def change_result(run: Path) -> None:
    result = json.loads((run / "result.json").read_text())
    result["metrics"] = {name: 1.0 for name in result["metrics"]}
    (run / "result.json").write_text(json.dumps(result))


TAMPERING: dict[str, tuple[Callable[[Path], Any], str]] = {
    "checkpoint's largest file": (lambda run: flip(largest_file(run)), "damaged checkpoint"),
    "checkpoint's manifest": (lambda run: flip(newest(run) / "manifest.json"), "damaged"),
    "checkpoint cut short": (
        lambda run: largest_file(run).write_bytes(largest_file(run).read_bytes()[:-7]),
        "damaged checkpoint",
    ),
    "checkpoint's file missing": (lambda run: largest_file(run).unlink(), "damaged checkpoint"),
    "ledger's middle": (flip_ledger_middle, "broken chain"),
    "ledger's last byte": (lambda run: flip(run / "ledger.jsonl", -5), "broken chain"),
    "config": (lambda run: flip(run / "config.json"), "changed config"),
    "metrics": (lambda run: change_figure(run / "metrics.jsonl"), "changed metrics"),
    "result": (change_result, "changed result"),
}


@pytest.fixture(scope="module")
def finished(subject: Subject, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("finished")
    subject.run(directory)
    return directory


@tampered
@pytest.mark.parametrize("what", TAMPERING)
def test_tampering_is_seen_and_recovered_from(
    what: str, subject: Subject, finished: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(finished, run)
    expected = json.loads((finished / "result.json").read_text())
    tamper, told = TAMPERING[what]
    tamper(run)

    program, surroundings = subject.opened.program, subject.opened.surroundings
    verdict = verify(program, subject.identity, run, surroundings, Observer())
    assert any(told in finding for finding in verdict.findings), verdict.findings

    again = subject.run(run)
    assert (again["digest"], again["metrics"]) == (expected["digest"], expected["metrics"])
    lines = ledger.read(run / "ledger.jsonl")
    assert not lines.broken and lines.result() is not None
    assert len(list(lines.of_kind("save"))) == len(lines.saves())


@tampered
def test_nothing_is_found_in_an_untouched_copy(
    subject: Subject, finished: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(finished, run)
    program, surroundings = subject.opened.program, subject.opened.surroundings
    assert not verify(program, subject.identity, run, surroundings, Observer()).findings


@pytest.mark.parametrize("subject", ("vision/digits_cnn", FAST), indirect=True, scope="module")
def test_streamed_gives_the_bits_of_resident(
    subject: Subject, finished: Path, tmp_path: Path
) -> None:
    feed = open_feed(subject.opened.experiment.data, "streamed")
    try:
        program = Program(subject.opened.experiment, feed)
        streamed = subject._replace(opened=subject.opened._replace(program=program))
        result = streamed.run(tmp_path / "streamed")
    finally:
        feed.close()
    expected = json.loads((finished / "result.json").read_text())
    assert (result["digest"], result["metrics"]) == (expected["digest"], expected["metrics"])
