"""Killed runs, and runs on fewer cores, of one experiment of each mechanism."""

from __future__ import annotations

import random
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from research.engine import ledger
from research.options.catalog import catalog
from tests.reproducibility.launches import (
    FAST,
    REPRESENTATIVES,
    finish,
    kill_at_random,
    start,
)


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(name, marks=pytest.mark.slow) if name == "vision/digits_cnn" else name
        for name in REPRESENTATIVES
    ],
)
def undisturbed(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, dict[str, Any]]:
    return request.param, finish(start(request.param, tmp_path_factory.mktemp("undisturbed")))


def records(result: dict[str, Any]) -> tuple[str, list[ledger.Line]]:
    run = Path(result["run_dir"])
    opened = ledger.read(run / "ledger.jsonl")
    assert not opened.broken
    return (run / "metrics.jsonl").read_text(), list(opened.lines)


def test_killed_and_resumed_it_ends_with_the_same_bits_and_records(
    undisturbed: tuple[str, dict[str, Any]], tmp_path: Path
) -> None:
    name, expected = undisturbed
    chance = random.Random(name)
    assert kill_at_random(name, tmp_path, chance, mid_save=True)
    kill_at_random(name, tmp_path, chance)
    result = finish(start(name, tmp_path))
    assert result["digest"] == expected["digest"]
    assert result["metrics"] == expected["metrics"]
    assert records(result) == records(expected)


@pytest.mark.skipif(
    sys.platform != "linux" or shutil.which("taskset") is None, reason="taskset is Linux's"
)
def test_the_number_of_cores_is_no_part_of_the_result(
    undisturbed: tuple[str, dict[str, Any]], tmp_path: Path
) -> None:
    name, expected = undisturbed
    alone = finish(start(name, tmp_path, prefix=("taskset", "-c", "0")))
    assert alone["digest"] == expected["digest"]
    if name == FAST:
        # The same by an option, which the engine carries out alike for all.
        told = finish(start(name, tmp_path / "told", "--cores", "1"))
        assert told["digest"] == expected["digest"]


@pytest.mark.slow
@pytest.mark.parametrize("name", [entry.name for entry in catalog()])
def test_twenty_kills(name: str, tmp_path: Path) -> None:
    expected = finish(start(name, tmp_path / "undisturbed"))
    chance = random.Random(name)
    for number in range(20):
        kill_at_random(name, tmp_path / "killed", chance, mid_save=number % 4 == 0)
    result = finish(start(name, tmp_path / "killed"))
    assert result["digest"] == expected["digest"]
    assert records(result) == records(expected)
