"""One compiled toy and one finished run of it for all tests of the engine."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from research.engine.program import Program
from tests.engine.toy import ToyFeed, make_toy, run_toy


@pytest.fixture(scope="session")
def program() -> Program:
    return Program(make_toy(), ToyFeed())


@pytest.fixture(scope="session")
def finished(program: Program, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """An undisturbed run and its result. Look, do not touch: `copied` is for touching."""
    directory = tmp_path_factory.mktemp("finished") / "run"
    return directory, run_toy(directory, program)


@pytest.fixture
def copied(finished: tuple[Path, Any], tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished[0], tmp_path / "run"))
