"""Which sweeps are the same, and what a metric's name tells."""

from __future__ import annotations

from pathlib import Path

import pytest

from research.runs.names import find_runs
from research.sweep.plan import Plan, default_metric, direction_of, is_test

PLAN = Plan("vision/digits_cnn", "optimize", {"width": "8,16"}, {"epochs": 2}, 0, 1, 0,
            "validation/loss", "minimize", True)  # fmt: skip


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("experiment", "vision/mnist_mlp"),
        ("method", "random"),
        ("space", {"width": "8,32"}),
        ("fixed", {"epochs": 3}),
        ("seed", 1),
        ("seeds", 2),
        ("sampling_seed", 1),
        ("metric", "validation/accuracy"),
        ("direction", "maximize"),
        ("pruning", False),
    ],
)
def test_whatever_is_part_of_a_sweep_makes_it_another_one(field, value) -> None:
    assert PLAN._replace(**{field: value}).digest != PLAN.digest
    assert set(PLAN._fields) >= {field}


def test_the_same_sweep_has_the_same_place_which_no_run_has() -> None:
    same = PLAN._replace(fixed=dict(PLAN.fixed), space=dict(PLAN.space))
    assert same.directory(Path("runs")) == PLAN.directory(Path("runs"))
    assert PLAN.directory(Path("runs")).parts[:4] == ("runs", "sweeps", "vision", "digits_cnn")


def test_no_sweep_is_taken_for_a_run(tmp_path) -> None:
    directory = PLAN.directory(tmp_path)
    (directory / "logs").mkdir(parents=True)
    for name in ("sweep.json", "result.json", "failures.jsonl", "logs/trial-0000-s0.out"):
        (directory / name).touch()
    run = tmp_path / "vision" / "digits_cnn" / "0123456789ab-s0"
    run.mkdir(parents=True)
    (run / "ledger.jsonl").touch()
    assert find_runs(tmp_path) == [run]


@pytest.mark.parametrize(
    ("metric", "direction"),
    [
        ("validation/loss", "minimize"),
        ("test/forgetful_mse", "minimize"),
        ("validation/accuracy", "maximize"),
        ("evaluation/stochastic_episode_return", "maximize"),
        ("validation/norm", ""),
        ("lossless/thing", ""),
    ],
)
def test_the_name_tells_the_direction(metric, direction) -> None:
    assert direction_of(metric) == direction


def test_validation_is_what_trials_are_ranked_by() -> None:
    names = ["test/accuracy", "train/accuracy", "train/loss", "validation/accuracy",
             "validation/loss"]  # fmt: skip
    assert default_metric(names) == "validation/accuracy"
    assert default_metric(names, "validation/loss") == "validation/loss"
    assert default_metric(["test/accuracy", "train/loss"]) == "train/loss"
    assert default_metric(["test/accuracy"]) == ""
    assert default_metric(["validation/forgetful_mse", "validation/mse"]) == "validation/mse"
    assert is_test("test/accuracy") and not is_test("validation/test")
