"""The guide "add an experiment", followed to the letter by someone who has only the project."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from research.options.catalog import ROOT

GUIDE = (ROOT / "docs" / "add-an-experiment.md").read_text()
FILE = "experiments/vision/digits_softmax.py"


def block(language: str) -> str:
    found = re.findall(rf"^```{language}\n(.*?)^```$", GUIDE, re.DOTALL | re.MULTILINE)
    assert len(found) == 1, f"one block of {language} is expected, {len(found)} found"
    return found[0]


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("clone")
    for folder in ("research", "experiments", "tests"):
        shutil.copytree(ROOT / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("launch.py", "pyproject.toml"):
        shutil.copy(ROOT / file, root / file)
    assert FILE in GUIDE
    (root / FILE).write_text(block("python"))
    return root


def follow(command: str, root: Path) -> str:
    words = shlex.split(command)
    assert words[0] == "python"
    done = subprocess.run(
        [sys.executable, *words[1:]], cwd=root, capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


def test_the_guide_works_as_written(clone: Path) -> None:
    commands = block("bash").splitlines()
    shown = {}
    for number, command in enumerate(commands):
        shown[number] = follow(command, clone)
    assert "vision/digits_softmax" in shown[0]
    assert "already finished" in shown[3]
    assert "verified: " in shown[4]
    assert " passed" in shown[5] and "failed" not in shown[5]
    runs = list((clone / "runs" / "vision" / "digits_softmax").glob("*/result.json"))
    assert len(runs) == 1, "the second run must have found the first"
