"""Populations as a person launches them: on several devices, stopped, and resumed on one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from research.engine.digests import member_digests
from research.engine.population import Population, Seeded
from research.options.catalog import ROOT
from tests.plainly import flags
from tests.reproducibility.conftest import Subject, digest, trained
from tests.reproducibility.launches import FAST, REPRESENTATIVES, finish, start


def names() -> list[Any]:
    slow = [pytest.param(n, marks=pytest.mark.slow) for n in REPRESENTATIVES if n != FAST]
    return [FAST, *slow]


def members(result: dict[str, Any]) -> list[tuple[int, str, dict[str, float]]]:
    return [(one["seed"], one["digest"], one["metrics"]) for one in result["members"]]


@pytest.mark.parametrize("subject", names(), indirect=True, scope="module")
def test_members_of_an_exact_population_are_runs_of_their_own(subject: Subject) -> None:
    """With all that the compiler does: plainly compiled, most have bits of their own."""
    program, solo = subject.opened.program, []
    for seed in (0, 1):
        solo += digest(trained(program, seed))
    seeded = [Seeded(offset, program.experiment.hyperparameters) for offset in (0, 1)]
    exact = Population(program.experiment, program.feed, seeded, width=1)
    assert member_digests(trained(exact, 0)) == solo
    exact.close(complete=True)
    if subject.named.name == FAST:
        # What is held against each other can differ: trained together, members have other bits.
        together = Population(program.experiment, program.feed, seeded, width=2)
        assert set(member_digests(trained(together, 0))).isdisjoint(solo)


@pytest.mark.slow
@pytest.mark.parametrize("name", REPRESENTATIVES)
def test_exact_on_two_devices_then_on_one_is_each_run_of_its_own(name: str, tmp_path: Path) -> None:
    population = ("--seeds", "2", "--exact")
    stopped = start(name, tmp_path, *population, "--devices", "2", "--until", "7")
    stopped.communicate(timeout=240)
    assert stopped.returncode == 75
    result = finish(start(name, tmp_path, *population))
    for seed, reached, figures in members(result):
        alone = finish(start(name, tmp_path, "--seed", str(seed)))
        assert (reached, figures) == (alone["digest"], alone["metrics"])


@pytest.mark.slow
@pytest.mark.parametrize("name", ("rl/cartpole_ppo", FAST))
def test_a_width_has_bits_of_its_own_on_any_number_of_devices(name: str, tmp_path: Path) -> None:
    results = [
        finish(start(name, tmp_path / f"{devices}", "--seeds", "8", "--width", "4",
                     "--devices", str(devices)))
        for devices in (1, 2)
    ]  # fmt: skip
    assert members(results[0]) == members(results[1])
    exact = finish(start(name, tmp_path / "exact", "--seeds", "8", "--exact"))
    assert members(exact) != members(results[0])


def test_values_of_a_float_are_members_and_sizes_are_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XLA_FLAGS", flags())
    result = finish(start(FAST, tmp_path, "--learning-rate", "1e-3,3e-3", "--units", "4,8"))
    assert len(result["runs"]) == 2
    for run in result["runs"]:
        rates = [member["hyperparameters"]["learning_rate"] for member in run["members"]]
        assert rates == [1e-3, 3e-3]
    where = [Path(run["run_dir"]) for run in result["runs"]]
    configs = [json.loads((path / "config.json").read_text())["config"] for path in where]
    assert [config["units"] for config in configs] == [4, 8]
    verify = [sys.executable, "launch.py", "verify", str(where[1]), "--member", "1", "--json"]
    told = subprocess.run(verify, cwd=ROOT, capture_output=True, text=True, timeout=240)
    assert told.returncode == 0, told.stderr
    assert json.loads(told.stdout)["equal"] > 1
