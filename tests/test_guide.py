"""The guide "add an experiment", followed to the letter by someone who has only the project."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from research.options.catalog import ROOT

pytestmark = pytest.mark.usefixtures("plain_commands")

GUIDE = (ROOT / "docs" / "add-an-experiment.md").read_text()
NAMES = ("vision/digits_softmax", "generative/own_gan")


def blocks(language: str) -> dict[str, str]:
    """One block for each of the guide's experiments."""
    found = re.findall(rf"^```{language}\n(.*?)^```$", GUIDE, re.DOTALL | re.MULTILINE)
    return dict(zip(NAMES, found, strict=True))


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("clone")
    for folder in ("research", "experiments", "tests"):
        shutil.copytree(ROOT / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("launch.py", "pyproject.toml"):
        shutil.copy(ROOT / file, root / file)
    for name, text in blocks("python").items():
        file = f"experiments/{name}.py"
        assert f"`{file}`" in GUIDE
        (root / file).write_text(text)
    return root


def follow(name: str, root: Path) -> list[str]:
    """What each of the guide's commands for an experiment prints."""
    printed = []
    for command in blocks("bash")[name].splitlines():
        words = shlex.split(command)
        assert words[0] == "python"
        done = subprocess.run(
            [sys.executable, *words[1:]], cwd=root, capture_output=True, text=True, timeout=240
        )
        expected = 75 if "--until" in words else 0
        assert done.returncode == expected, f"{command}\n{done.stdout}\n{done.stderr}"
        printed.append(done.stdout + done.stderr)
    return printed


def test_the_guide_works_as_written(clone: Path) -> None:
    shown = follow("vision/digits_softmax", clone)
    assert "vision/digits_softmax" in shown[0]
    assert "already finished" in shown[3]
    assert "verified: " in shown[4]
    assert " passed" in shown[5] and "failed" not in shown[5]
    runs = list((clone / "runs" / "vision" / "digits_softmax").glob("*/result.json"))
    assert len(runs) == 1, "the second run must have found the first"


def test_two_networks_with_two_optimisers_work_as_written(clone: Path) -> None:
    assert (
        sum(bool(line.strip()) for line in blocks("python")["generative/own_gan"].splitlines())
        <= 80
    )
    _, resumed, verified, *_, runs, compared = follow("generative/own_gan", clone)
    assert "from step 200" in resumed and "verified: " in verified
    assert runs.count("test distance") == 3
    assert "noise" in compared and "test/distance" in compared

    alone, population = {}, {}
    for path in (clone / "runs" / "generative" / "own_gan").glob("*/result.json"):
        page = path.with_name("report.html").read_text()
        assert "As it learned" in page and path.with_name("glimpses").joinpath("500.npz").exists()
        result = json.loads(path.read_text())
        if "members" in result:
            population = {m["hyperparameters"]["noise"]: m["digest"] for m in result["members"]}
        else:
            config = json.loads(path.with_name("config.json").read_text())["config"]
            alone[config["noise"]] = result["digest"]
    assert population == alone and population.keys() == {0.5, 1.0}
    assert population[0.5] != population[1.0]
