"""A run by programs from the disk is the run by programs compiled anew."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.reproducibility.launches import finish, start

pytestmark = pytest.mark.usefixtures("plain_commands")


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache for processes that are started here, of programs of any compile time.

    How long a program took must not decide what a test finds.
    """
    monkeypatch.setenv("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(tmp_path / "kept"))
    return tmp_path / "kept"


def reached(result: dict[str, Any]) -> tuple[Any, Any]:
    return result["digest"], result["metrics"]


def used(kept: Path) -> dict[Path, int]:
    """Each program that is kept, and when it was last read or written."""
    return {path: path.stat().st_mtime_ns for path in kept.glob("*/*.program")}


def cold_and_warm(
    kept: Path, name: str, place: Path, *more: str
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Two runs, of which the second reads each program that the first kept, and keeps no other.

    Both would agree without a cache as well.
    """
    cold = finish(start(name, place / "cold", *more))
    first = used(kept)
    warm = finish(start(name, place / "warm", *more))
    second = used(kept)
    assert any(path.name.startswith("jit_advance") for path in first)
    assert first.keys() == second.keys() and all(first[path] < second[path] for path in first)
    return cold, warm


@pytest.mark.slow
def test_cold_warm_damaged_and_off_give_one_digest(
    kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "sequence/sine_rnn"
    cold, warm = cold_and_warm(kept, name, tmp_path)
    (program,) = kept.glob("*/jit_advance*.program")
    whole = program.read_bytes()
    program.write_bytes(whole[: len(whole) // 2])
    process = start(name, tmp_path / "damaged")
    out, err = process.communicate(timeout=240)
    assert process.returncode == 0 and err.count("note: a compiled program was damaged") == 1
    assert program.stat().st_size > len(whole) // 2
    monkeypatch.setenv("JAX_ENABLE_COMPILATION_CACHE", "false")
    off = finish(start(name, tmp_path / "off"))
    assert {*map(str, map(reached, (warm, json.loads(out), off)))} == {str(reached(cold))}


@pytest.mark.slow
@pytest.mark.parametrize("more", [(), ("--processes", "2")], ids=["one process", "two processes"])
def test_the_second_launch_of_an_image_net_compiles_nothing(
    more: tuple[str, ...], kept: Path, tmp_path: Path
) -> None:
    cold, warm = cold_and_warm(kept, "vision/digits_cnn", tmp_path, *more)
    assert reached(warm) == reached(cold)
