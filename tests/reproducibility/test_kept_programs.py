"""A run by programs from the disk is the run by programs compiled anew."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.reproducibility.launches import finish, start


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of compiled programs, for processes that are started here."""
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(tmp_path / "kept"))
    return tmp_path / "kept"


def reached(result: dict[str, Any]) -> tuple[Any, Any]:
    return result["digest"], result["metrics"]


def test_cold_warm_damaged_and_off_give_one_digest(
    kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "sequence/sine_rnn"
    cold, warm = (finish(start(name, tmp_path / title)) for title in ("cold", "warm"))
    # That the second compiled less is the control: both would agree without a cache as well.
    assert warm["compile_seconds"] < 0.7 * cold["compile_seconds"]
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


@pytest.mark.parametrize(
    "more",
    [
        pytest.param((), id="one process"),
        pytest.param(("--processes", "2"), id="two processes", marks=pytest.mark.slow),
    ],
)
def test_the_second_launch_of_an_image_net_compiles_little(
    more: tuple[str, ...], kept: Path, tmp_path: Path
) -> None:
    name = "vision/digits_cnn"
    cold, warm = (finish(start(name, tmp_path / title, *more)) for title in ("cold", "warm"))
    assert any(kept.glob("*/jit_advance*.program"))
    assert warm["compile_seconds"] < 0.7 * cold["compile_seconds"]
    assert reached(warm) == reached(cold)
