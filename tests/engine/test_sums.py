"""Sums of a whole split and what is judged of it at once: kept, vouched for, and held together."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.metrics import average_precision_score, confusion_matrix

from research.engine import finish, ledger, metrics
from research.engine.experiment import Experiment
from research.engine.identity import Identity, Many
from research.engine.population import Population, Seeded
from research.engine.program import Program
from research.engine.record import Observer
from research.engine.run import Slicing, launch
from research.engine.verify import verify
from tests.engine.test_run import NoTraining
from tests.engine.toy import SURROUNDINGS, Cadence, ToyFeed, run_toy
from tests.engine.verifying import check, forge

EXAMPLES, BATCH, CLASSES = 90, 40, 3
RNG = np.random.default_rng(0)
X = RNG.normal(size=(EXAMPLES, 4)).astype(np.float32)
LABEL = RNG.integers(0, CLASSES, EXAMPLES)
CADENCE = Cadence(5, 6, 6)


class Labelled(ToyFeed):
    """A split of 90 examples in three batches, the last padded with copies of the first."""

    def evaluation(self, split: str) -> Iterator[Any]:
        for first in range(0, EXAMPLES, BATCH):
            rows = np.arange(first, first + BATCH)
            real = rows < EXAMPLES
            rows = np.where(real, rows, 0)
            yield {"x": X[rows], "label": LABEL[rows], "weight": real.astype(np.float32)}


def average_precision(positive: np.ndarray, score: np.ndarray) -> float:
    """The mean precision at each positive, the surest first (no ties)."""
    order = np.argsort(-score)
    hits = positive[order]
    precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
    return float(np.sum(precision * hits) / np.sum(hits))


def judge(state: Any, evaluation: Any, key: Any) -> dict[str, float]:
    score, positive = [], []
    for batch in evaluation("test"):
        real = batch["weight"] > 0
        score.append((batch["x"] @ state["w"])[real, 1])
        positive.append(batch["label"][real] == 1)
    found = average_precision(np.concatenate(positive), np.concatenate(score))
    return {"test/average_precision": found, "test/draw": float(jax.random.uniform(key))}


def make(rate: float = 0.1, **changes: Any) -> Experiment:
    def update(state: Any, batch: Any, key: Any) -> Any:
        w = state["w"] + state["rate"] * jax.random.normal(key, state["w"].shape)
        return {**state, "w": w}, {"moved": metrics.Sums(jnp.abs(w)), "n": metrics.count(w > 0)}

    def evaluate(state: Any, batch: Any, key: Any) -> Any:
        predicted = jnp.argmax(batch["x"] @ state["w"], axis=1)
        label, weight = batch["label"], batch["weight"]
        return {
            "accuracy": metrics.mean(predicted == label, weight),
            "confusion": metrics.confusion(label, predicted, CLASSES, weight),
        }

    return Experiment(
        init=lambda key, values: {
            "w": jax.random.normal(key, (4, CLASSES)),
            "rate": values["rate"],
        },
        update=update,
        evaluate=evaluate,
        steps=12,
        items_per_step=1,
        items="steps",
        hyperparameters={"rate": rate},
        watched=("validation",),
        final=("test",),
        judge=judge,
    )._replace(**changes)


def weights_of(program: Program) -> np.ndarray:
    """The last parameters, made in one go."""
    carry = program.initial(0)
    for window in program.windows(0, 0, 12):
        carry = program.advance(carry, window.arrays, 0, 12, fresh=False, halt=True)
    return np.asarray(carry.state["w"])


@pytest.fixture(scope="module")
def program():
    return Program(make(), Labelled())


@pytest.fixture
def whole(program, tmp_path):
    return tmp_path, run_toy(tmp_path, program, cadence=CADENCE)


def test_sums_are_those_of_the_whole_split_and_are_kept_where_a_result_is(program, whole):
    directory, result = whole
    score = X @ weights_of(program)
    expected = confusion_matrix(LABEL, score.argmax(axis=1))
    assert result["sums"] == {"test/confusion": expected.tolist()}
    assert np.trace(expected) / EXAMPLES == pytest.approx(result["metrics"]["test/accuracy"])
    written = (directory / "result.json").read_text()
    assert json.loads(written)["sums"] == result["sums"]
    assert f"[{', '.join(str(float(n)) for n in expected[0])}]" in written  # a row is a line
    opened = ledger.read(directory / "ledger.jsonl")
    assert opened.result()["sums"] == result["sums"]
    # What is watched are figures.
    names = {"train/n", "validation/accuracy"}
    assert {name for figures in opened.reports().values() for name in figures} == names
    assert {*result["metrics"]} == names | {
        "test/accuracy", "test/average_precision", "test/draw",
    }  # fmt: skip


def test_what_is_judged_is_of_the_whole_split_at_once(program, whole):
    _, result = whole
    score = (X @ weights_of(program))[:, 1]
    expected = average_precision_score(LABEL == 1, score)
    assert result["metrics"]["test/average_precision"] == pytest.approx(expected, rel=1e-9)
    # The control: no mean over batches is that.
    starts = range(0, EXAMPLES, BATCH)
    parts = [
        average_precision_score(LABEL[at : at + BATCH] == 1, score[at : at + BATCH])
        for at in starts
    ]
    assert np.mean(parts) != pytest.approx(expected, rel=1e-3)


def test_verify_holds_sums_and_judgements_and_names_the_row_that_differs(program, whole):
    directory, result = whole
    verdict = check(program, directory)
    assert not verdict.findings and not verdict.notes

    def move(kind, content):
        if kind == "result":
            content["sums"]["test/confusion"][1][2] += 1

    forge(directory, move)
    findings = check(program, directory).findings
    row = result["sums"]["test/confusion"][1]
    assert any("test/confusion[1]" in one and one.endswith(f"replay {row}") for one in findings)

    def judge_otherwise(kind, content):
        move(kind, content)
        if kind == "result":
            content["sums"]["test/confusion"][1][2] -= 2
            content["metrics"]["test/average_precision"] += 1e-6

    forge(directory, judge_otherwise)
    findings = check(program, directory).findings
    assert any("has test/average_precision" in one for one in findings)
    assert not any("test/confusion" in one for one in findings)


def test_a_ledger_of_before_there_were_sums_is_verified_and_reported(program, whole):
    directory, result = whole

    def without(kind, content):
        content.pop("sums", None)

    forge(directory, without)
    # The same code makes them: their absence is then a difference.
    assert any("no such figure" in one for one in check(program, directory).findings)
    later = SURROUNDINGS._replace(code={"experiments/toy.py": "e" * 64})
    verdict = check(program, directory, later)
    assert "test/confusion is only made since" in " ".join(verdict.notes)
    # The file beside it was written with them, which the ledger knows nothing of.
    assert all("result.json" in one for one in verdict.findings)
    (directory / "result.json").unlink()
    again = run_toy(directory, NoTraining(program), cadence=CADENCE)
    assert "sums" not in again and again["metrics"] == result["metrics"]


def test_a_split_that_was_watched_at_the_last_step_has_its_sums_too(program, tmp_path):
    watched = Program(make(watched=("test",)), Labelled())
    result = run_toy(tmp_path, watched, cadence=CADENCE)
    assert result["sums"]["test/confusion"]
    assert not check(watched, tmp_path).findings


@pytest.mark.parametrize("width", [1, 2])
def test_each_member_has_its_own(tmp_path, width):
    rates = (0.1, 0.3, 0.1)
    identity = Identity("test/sums", {"rate": list(rates)}, 0, population=Many(1, width, ("rate",)))
    members = [Seeded(0, {"rate": rate}) for rate in rates]
    population = Population(make(), Labelled(), members, width)
    slicing = Slicing(CADENCE)
    result = launch(population, identity, tmp_path, SURROUNDINGS, slicing, Observer())
    assert "sums" not in result
    found = [member["sums"]["test/confusion"] for member in result["members"]]
    assert np.shape(found) == (3, CLASSES, CLASSES) and np.sum(found) == 3 * EXAMPLES
    assert found[0] == found[2] != found[1]
    draws = [member["metrics"]["test/draw"] for member in result["members"]]
    assert draws[0] == draws[1]  # of one seed and one step
    if width == 1:
        solo = run_toy(tmp_path / "solo", Program(make(), Labelled()), cadence=CADENCE)
        assert found[0] == solo["sums"]["test/confusion"]
        assert result["members"][0]["metrics"] == solo["metrics"]
    arguments = (identity, tmp_path, SURROUNDINGS, Observer())
    assert not verify(population, *arguments).findings

    def move(kind, content):
        if kind == "result":
            content["members"][1]["sums"]["test/confusion"][0][0] += 1

    forge(tmp_path, move)
    findings = verify(population, *arguments).findings
    assert any("test/confusion[1][0]" in one for one in findings)


@pytest.mark.parametrize("slow", [True, False])
def test_figures_that_take_long_are_announced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, slow: bool
) -> None:
    """A diffusion draws ten thousand images after its last step, a quarter of an hour."""
    notes: list[str] = []

    class Noting(Observer):
        def note(self, text: str) -> None:
            notes.append(text)

    def judge_slowly(*arguments: Any) -> dict[str, float]:
        time.sleep(0.3 if slow else 0.0)
        return judge(*arguments)

    monkeypatch.setattr(finish, "SLOW_SECONDS", 0.05 if slow else 30.0)
    run_toy(
        tmp_path, Program(make(judge=judge_slowly), Labelled()), cadence=CADENCE, observer=Noting()
    )
    assert [note for note in notes if "whole splits" in note] == notes[: int(slow)]
