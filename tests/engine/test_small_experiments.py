"""Experiments that lack something: steps, data, watched splits, a loss; and those that add."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from research.engine import artifacts, keys, ledger, metrics
from research.engine.checkpoint import stored_steps
from research.engine.experiment import Experiment
from research.engine.program import Program
from research.engine.record import Observer
from research.engine.run import StoppedRun
from tests.engine.test_run import NoTraining
from tests.engine.toy import Cadence, ToyFeed, run_toy
from tests.engine.verifying import check
from tests.engine.watch import same_outcome


class NoData(ToyFeed):
    def batch(self, arrays: Any, seed: Any, step: Any) -> Any:
        return None

    def evaluation(self, split: str) -> Iterator[Any]:
        yield None


def refuse(*_: Any) -> Any:
    raise AssertionError("an experiment of no steps was asked to update")


def make_small(**changes: Any) -> Experiment:
    def update(state: Any, batch: Any, key: Any) -> Any:
        return {"total": state["total"] + jax.random.uniform(key)}, {}

    return Experiment(
        init=lambda key, hyperparameters: {"total": jax.random.uniform(key)},
        update=update,
        evaluate=lambda state, batch, key: {
            "total": metrics.mean(state["total"]),
            "draw": metrics.mean(jax.random.uniform(key)),
        },
        steps=12,
        items_per_step=1,
        items="steps",
        hyperparameters={},
        watched=("evaluation",),
        final=("evaluation",),
    )._replace(**changes)


CADENCE = Cadence(5, 6, 5)


def run(directory, experiment, **more):
    program = Program(experiment, NoData())
    result = run_toy(directory, program, cadence=CADENCE, **more)
    verdict = check(program, directory)
    assert verdict.findings == () and verdict.equal == verdict.compared >= 1
    assert same_outcome(run_toy(directory, NoTraining(program), cadence=CADENCE, **more), result)
    return result


def test_no_steps(tmp_path):
    experiment = make_small(steps=0, update=refuse)
    result = run(tmp_path, experiment)
    assert result["complete"] and result["step"] == 0
    assert set(result["metrics"]) == {"evaluation/total", "evaluation/draw"}
    assert stored_steps(tmp_path / "checkpoints") == [0]
    assert [line.kind for line in ledger.read(tmp_path / "ledger.jsonl").lines] == [
        "header", "leaves", "save", "result",
    ]  # fmt: skip


def test_no_steps_and_nothing_to_evaluate(tmp_path):
    measured = make_small(
        steps=0,
        update=refuse,
        watched=(),
        final=(),
        judge=lambda state, evaluation, key: {"figure/a": 2},
    )
    assert run(tmp_path, measured)["metrics"] == {"figure/a": 2.0}


def test_no_data_and_no_loss(tmp_path):
    result = run(tmp_path, make_small())
    assert result["digest"] != run(tmp_path / "other", make_small(), seed=1)["digest"]
    assert set(result["metrics"]) == {"evaluation/total", "evaluation/draw"}


def test_no_watched_splits(tmp_path):
    result = run(tmp_path, make_small(watched=()))
    assert not (tmp_path / "metrics.jsonl").exists()
    assert set(result["metrics"]) == {"evaluation/total", "evaluation/draw"}


def test_evaluations_draw_anew_at_each_step_and_the_same_at_the_same_step(tmp_path):
    run(tmp_path / "a", make_small())
    run(tmp_path / "b", make_small())
    draws = []
    for name in "ab":
        lines = (tmp_path / name / "metrics.jsonl").read_text().splitlines()
        draws.append([json.loads(line)["evaluation/draw"] for line in lines])
    assert draws[0] == draws[1] and len(set(draws[0])) == len(draws[0]) == 2


TIMES = ("run_dir", "seconds", "compile_seconds", "items_per_second", "peak_memory_bytes")


def show_total(state: Any, evaluation: Any, key: Any) -> dict[str, artifacts.Artifact]:
    (batch,) = evaluation("evaluation")
    assert batch is None
    return {
        name: artifacts.Histogram(name, np.asarray(value).reshape(1, 1), (name,), "value")
        for name, value in (("total", state["total"]), ("draw", jax.random.uniform(key)))
    }


def test_what_is_measured_and_kept_for_a_report(tmp_path):
    experiment = make_small(
        judge=lambda state, evaluation, key: {
            "figure/total": state["total"],
            "figure/n": np.int64(3),
        },
        artifacts=show_total,
    )
    result = run(tmp_path, experiment)
    assert result["digest"] == run(tmp_path / "plain", make_small())["digest"]
    assert result["metrics"]["figure/total"] == result["metrics"]["evaluation/total"]
    assert type(result["metrics"]["figure/n"]) is float
    shown, problems = artifacts.read(tmp_path / artifacts.DIRECTORY)
    assert list(shown) == ["total", "draw"] and not problems
    assert float(shown["total"].values[0, 0]) == result["metrics"]["figure/total"]
    # Numbers drawn for pictures are in no way those of an evaluation.
    drawn = float(shown["draw"].values[0, 0])
    assert drawn != result["metrics"]["evaluation/draw"] and drawn == float(
        jax.random.uniform(keys.at_step(keys.stream(0, "artifacts"), 12))
    )


class Notes(Observer):
    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


def test_pictures_that_cannot_be_made_lose_no_run(tmp_path):
    def fail(state: Any, evaluation: Any, key: Any) -> Any:
        raise RuntimeError("no ink")

    heard = Notes()
    experiment = make_small(artifacts=fail)
    result = run_toy(tmp_path, Program(experiment, NoData()), cadence=CADENCE, observer=heard)
    assert result["complete"] and result == {
        **run(tmp_path / "plain", make_small()),
        **{n: result[n] for n in TIMES},
    }
    assert [note for note in heard.notes if "no ink" in note]
    assert ledger.read(tmp_path / "ledger.jsonl").result() is not None


def test_what_is_remarked_of_figures_is_said_and_stands_under_the_first_picture(tmp_path):
    def remark(figures: Any) -> list[str]:
        return [f"It is {figures['figure/total']:.1f}."] if figures["figure/total"] > 1 else []

    for total, words in ((2.0, "It is 2.0."), (0.5, "")):
        heard, directory = Notes(), tmp_path / str(total)
        figures = {"figure/total": total, "figure/lost": np.nan}
        experiment = make_small(
            judge=lambda state, evaluation, key, figures=figures: figures,
            remarks=remark,
            artifacts=show_total,
        )
        run_toy(directory, Program(experiment, NoData()), cadence=CADENCE, observer=heard)
        assert [note for note in heard.notes if note.startswith("It is")] == [words] * bool(words)
        shown, _ = artifacts.read(directory / artifacts.DIRECTORY)
        assert [shown[name].note for name in ("total", "draw")] == [words, ""]


def test_an_unfinished_run_neither_measures_nor_keeps(tmp_path):
    experiment = make_small(artifacts=refuse, judge=lambda state, evaluation, key: refuse())
    with pytest.raises(StoppedRun):
        run_toy(tmp_path, Program(experiment, NoData()), until=3)
    assert not (tmp_path / "artifacts").exists()


def test_hyperparameters_are_traced(tmp_path):
    experiment = make_small(
        init=lambda key, hyperparameters: {"total": hyperparameters["rate"]},
        hyperparameters={"rate": 0.25},
    )
    program = Program(experiment, NoData())
    carries = [program.initial(0), program.initial(0, {"rate": 0.5})]
    assert [float(carry.state["total"]) for carry in carries] == [0.25, 0.5]
    assert program.compilations == {"initial": 1}
    assert jnp.asarray(carries[0].state["total"]).dtype == jnp.float32
